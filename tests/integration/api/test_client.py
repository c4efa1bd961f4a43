"""The client against a served api."""

import asyncio
from decimal import Decimal

import pytest
from penstock_client import ApiError, AsyncClient, Client, Rows, Unreachable, calls
from penstock_runtime.embedded.server import free_port
from penstock_runtime.store.migrate import migrate
from support.api import Api, answer_next
from support.messages import KEY, prices
from support.store import SESSION


def url_of(api: Api) -> str:
    return str(api.client.base_url)


async def test_it_reads_and_commands_without_blocking(api: Api, postgres_url: str) -> None:
    await migrate(postgres_url)
    await api.session.put("feat", prices())
    await api.knows("/api/v1/session", SESSION, "session_id")
    async with AsyncClient(url_of(api)) as client:
        assert (await client.session()).session_id == SESSION
        assert (await client.me()).role == "risk_admin"
        assert (await client.prices()).items[0].instrument == KEY
        assert (await client.fills(Rows(limit=5))).items == []
        assert [each async for each in client.every(calls.orders())] == []
        risk = asyncio.create_task(answer_next(api.session))
        done = await client.halt("spread", key="k-1")
        await risk
        while done.outcome == "pending":
            done = await client.halt("spread", key="k-1")
        assert (done.outcome, done.state, done.reason) == ("accepted", "halted", "spread")


async def test_it_reads_and_waits(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")

    def use() -> tuple[str, int, str]:
        with Client(url_of(api)) as client:
            with pytest.raises(ApiError) as refused:
                client.place("nothing", "buy", Decimal(1))
            return client.state().trading_reason, refused.value.status, refused.value.detail

    reason, status, detail = await asyncio.to_thread(use)
    assert (reason, status) == ("", 422)
    assert "body.instrument" in detail


async def test_a_problem_is_an_error_with_its_members(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    async with AsyncClient(url_of(api)) as client:
        with pytest.raises(ApiError) as missing:
            await client.instrument(KEY + "x")
        assert missing.value.status == 404
        assert missing.value.problem["title"] == "Not Found"


async def test_frames_come_as_they_are_sent(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    async with AsyncClient(url_of(api)) as client, asyncio.timeout(60):
        async for frame in client.stream(["state"]):
            if frame["type"] == "snapshot":
                break
    assert (frame["channel"], frame["data"]["session"]["session_id"]) == ("state", SESSION)


async def test_where_nobody_answers_it_says_so() -> None:
    async with AsyncClient(f"http://127.0.0.1:{free_port()}", timeout_s=5) as client:
        with pytest.raises(Unreachable, match="does not answer"):
            await client.state()
