"""The api service tells of what the log says, and serves on whatever its targets do."""

import asyncio
from typing import Any

from penstock_api.alerts.config import AlertsConfig
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.types import TradingState
from support.api import Api, served
from support.hooks import Hook
from support.messages import START

ACTIVE, HALTED = TradingState.ACTIVE, TradingState.HALTED


def state(now: TradingState, before: TradingState) -> TradingStateChanged:
    return TradingStateChanged(ts=START, state=now, previous=before, reason="spread too wide")


async def told(hook: Hook, api: Api, state: str) -> dict[str, Any]:
    async with asyncio.timeout(90):
        while not (found := [each for each in hook.taken if each["state"] == state]):
            assert (await api.client.get("/livez")).status_code == 200
            await asyncio.sleep(0.1)
    return found[0]


async def test_a_halt_is_told_once_and_so_is_its_end_while_another_target_hangs(
    nats_url: str, postgres_url: str
) -> None:
    with Hook() as hook, Hook() as hanging:
        hanging.hangs.set()
        targets = [
            {"name": "stuck", "kind": "webhook", "url": hanging.url, "timeout_s": 2},
            {"name": "ops", "kind": "webhook", "url": hook.url, "timeout_s": 60},
        ]
        alerts = AlertsConfig.model_validate({"targets": targets, "settle_s": 1, "disk_free_bytes": None})
        async with served(nats_url, postgres_url, alerts=alerts) as api:
            await api.session.put("ord", state(HALTED, ACTIVE))
            firing = await told(hook, api, "firing")
            assert (firing["key"], firing["detail"]) == ("halt", "trading is halted: spread too wide")
            await api.session.put("ord", state(ACTIVE, HALTED))
            over = await told(hook, api, "over")
            assert over["key"] == "halt"
            assert [each["state"] for each in hook.taken] == ["firing", "over"]
            assert hanging.taken == []
