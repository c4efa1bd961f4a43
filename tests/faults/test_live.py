"""Every fault of a live venue a few times; `make faults ROUNDS=300` strikes a thousand times."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from penstock_contracts.types import OrderState
from penstock_execution.live.orders import LiveOrder
from penstock_execution.live.requests import Requests
from penstock_execution.live.service import LiveExecution

from faults import live
from faults.stand import Stand
from faults.world import Unexpected


@pytest.mark.parametrize("name", live.TRIALS)
async def test_live_execution_gets_over(name: str, tmp_path: Path) -> None:
    trial = live.TRIALS[name]
    assert await live.run(trial, tmp_path, trial.quick, seed=1) == trial.quick


async def test_an_order_that_is_sent_twice_is_noticed(tmp_path: Path) -> None:
    async def resend(stand: Stand, _rounds: int) -> None:
        key = stand.approve()
        await stand.ended(key)
        stand.venue.received[key] += 1

    with pytest.raises(Unexpected, match="o-1 reached the venue 2 times"):
        await live.run(live.Trial(9, resend, 1), tmp_path, 1, seed=1)


async def test_a_fill_that_is_not_told_is_noticed(tmp_path: Path) -> None:
    async def miss(stand: Stand, _rounds: int) -> None:
        key = stand.approve()
        await stand.ended(key)
        stand.venue.positions["btc-usdt.fake"] += 1

    with pytest.raises(Unexpected, match="fills told 1"):
        await live.run(live.Trial(9, miss, 1), tmp_path, 1, seed=1)


async def test_a_blind_resend_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = Requests._submit

    async def twice(self: Requests, order: LiveOrder) -> None:
        await submit(self, order)
        if order.state is OrderState.UNKNOWN:
            await submit(self, order)

    monkeypatch.setattr(Requests, "_submit", twice)
    with pytest.raises(Unexpected, match=r"2 times|not fill"):
        await live.run(live.TRIALS["answer_lost"], tmp_path, 1, seed=1)


async def test_a_gateway_that_does_not_ask_for_its_epoch_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sure(_: LiveExecution) -> bool:
        return True

    monkeypatch.setattr(LiveExecution, "_still_ours", sure)
    with pytest.raises(Unexpected, match="was sent by a gateway that had been overtaken"):
        await live.run(live.TRIALS["two_gateways"], tmp_path, 1, seed=1)


async def test_an_order_that_ends_before_its_fills_are_known_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(self: Requests) -> None:
        """Fills that the stream did not bring are not asked for."""

    monkeypatch.setattr(Requests, "_book_fills", none)
    monkeypatch.setattr(Stand, "until", _brief(Stand.until))
    with pytest.raises(Unexpected, match=r"did not end|fills told"):
        await live.run(live.TRIALS["disconnects"], tmp_path, 1, seed=1)


def _brief(until: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def soon(self: Stand, true: Callable[[], bool], what: str, timeout_s: float = 2.0) -> None:
        await until(self, true, what, timeout_s)

    return soon
