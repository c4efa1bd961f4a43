"""Commands over the api: once for each key, answered with what came of them, placed orders among them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import httpx
import pytest
from penstock_api.config import ApiConfig
from penstock_api.server import serve
from penstock_contracts.control import Command
from penstock_contracts.signals import Note
from penstock_contracts.types import OrderState, OrderType, Side
from penstock_runtime.embedded.server import free_port
from penstock_runtime.log import Log
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import open_pool
from support.api import Api, answer_next
from support.messages import KEY, ORDER, START, approved
from support.store import SESSION, SessionLog, session_log

WAIT_S = 60


@asynccontextmanager
async def patient_api(nats_url: str, postgres_url: str, session: SessionLog) -> AsyncIterator[Api]:
    """An api that waits for answers as long as it takes."""
    port, stop = free_port(), asyncio.Event()
    log, pool = await Log.connect(nats_url, name="api"), await open_pool(postgres_url, name="api")
    config = ApiConfig(port=port, command_timeout_s=WAIT_S)
    task = asyncio.create_task(serve(config, log, pool, stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=2 * WAIT_S) as client:
        api = Api(client, session, task, stop)
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await api.knows("/api/v1/session", SESSION, "session_id")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        yield api
    stop.set()
    await asyncio.gather(task, return_exceptions=True)
    await log.close()
    pool.terminate()


@pytest.fixture
async def patient(nats_url: str, postgres_url: str) -> AsyncIterator[Api]:
    async with session_log(nats_url) as session, patient_api(nats_url, postgres_url, session) as api:
        yield api


async def commands(api: Api) -> list[Command]:
    """The commands that the log holds."""
    reader = await api.session.log.reader(("ctl",))
    found: list[Command] = []
    try:
        async with asyncio.timeout(WAIT_S):
            while not reader.at_tail:
                while (delivered := reader.poll()) is not None:
                    if delivered.kind == "command":
                        found.append(delivered.decode())
                await reader.wait(0.05)
    finally:
        await reader.stop()
    return found


async def halted(api: Api, key: str, reason: str = "x") -> httpx.Response:
    return await api.client.post("/api/v1/halt", json={"reason": reason}, headers={"Idempotency-Key": key})


async def test_a_command_says_who_gave_it_and_from_where(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    await api.client.post("/api/v1/reduce", json={"reason": "news"})
    (command,) = await commands(api)
    assert (command.verb, command.by, command.reason) == ("reduce", "local", "news")
    assert command.origin == "api 127.0.0.1"


async def test_the_same_key_gives_the_same_answer_and_one_command(patient: Api) -> None:
    risk = asyncio.create_task(answer_next(patient.session))
    first, second = await asyncio.gather(halted(patient, "k-1"), halted(patient, "k-1"))
    await risk
    third = await halted(patient, "k-1")
    assert first.status_code == 200
    assert first.json() == second.json() == third.json()
    assert len(await commands(patient)) == 1


async def test_a_key_with_another_command_is_a_conflict(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    assert (await halted(api, "k-1")).status_code == 202
    again = await halted(api, "k-1", reason="something else")
    assert again.status_code == 409
    assert "used with another command" in again.json()["detail"]
    other = await api.client.post("/api/v1/reduce", json={}, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 409
    assert len(await commands(api)) == 1


async def test_after_a_restart_a_key_still_gives_its_answer(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url) as session:
        async with patient_api(nats_url, postgres_url, session) as api:
            risk = asyncio.create_task(answer_next(session, accepted=False))
            first = await halted(api, "k-1")
            await risk
        assert first.status_code == 409
        async with patient_api(nats_url, postgres_url, session) as api:
            again = await halted(api, "k-1")
            assert (again.status_code, again.json()) == (409, first.json())
            assert len(await commands(api)) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 201])
async def test_a_key_that_is_none_is_refused(api: Api, key: str) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    answer = await halted(api, key)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "header.Idempotency-Key"


async def test_a_placed_order_goes_to_risk_whole_and_the_answer_names_it(patient: Api) -> None:
    risk = asyncio.create_task(answer_next(patient.session, order_id="o-77"))
    body = {"instrument": KEY, "side": "buy", "quantity": "0.5", "type": "limit", "limit_price": "46000.10"}
    answer = await patient.client.post("/api/v1/orders", json=body)
    command = await risk
    assert answer.json()["order_id"] == "o-77"
    assert (command.verb, command.instrument, command.strategy) == ("place", KEY, "manual")
    assert command.order is not None
    assert (command.order.side, command.order.quantity) == (Side.BUY, Decimal("0.5"))
    assert (command.order.type, command.order.limit_price) == (OrderType.LIMIT, Decimal("46000.10"))


async def test_a_refused_order_says_rule_limit_and_value(patient: Api) -> None:
    broken = {"rule": "order_quantity", "limit": Decimal(5), "value": Decimal(6)}
    risk = asyncio.create_task(answer_next(patient.session, accepted=False, **broken))
    answer = await patient.client.post(
        "/api/v1/orders", json={"instrument": KEY, "side": "sell", "quantity": "6"}
    )
    await risk
    problem = answer.json()
    assert answer.status_code == 409
    assert (problem["rule"], problem["limit"], problem["value"]) == ("order_quantity", "5", "6")


async def test_what_is_left_out_of_a_change_stays(api: Api) -> None:
    order = approved(type=OrderType.LIMIT, limit_price=Decimal(46000), post_only=True)
    await api.session.put("ord", order)
    await api.knows("/api/v1/state", 1, "orders", "approved")
    await api.client.patch(f"/api/v1/orders/{ORDER}", json={"limit_price": "46100"})
    (command,) = await commands(api)
    assert (command.verb, command.order_id) == ("modify", ORDER)
    assert command.order is not None
    assert (command.order.limit_price, command.order.quantity) == (Decimal(46100), order.quantity)
    assert (command.order.side, command.order.post_only) == (order.side, True)


async def test_an_order_that_is_unknown_or_over_cannot_be_cancelled(api: Api, postgres_url: str) -> None:
    await migrate(postgres_url)
    await api.knows("/api/v1/session", SESSION, "session_id")
    assert (await api.client.delete("/api/v1/orders/o-none")).status_code == 404
    pool = await open_pool(postgres_url, name="test")
    await pool.execute(
        "INSERT INTO orders (session, order_id, client_order_id, signal_id, ts, sequence, ordinal, strategy,"
        " instrument, side, type, quantity, time_in_force, post_only, reduce_only, reference_price, reason,"
        " checks, status) VALUES ($1, 'o-1', 'o-1', 's-1', 1, 1, 1, 'a', 'b.c', 'buy', 'market', 1, 'gtc',"
        " false, false, 1, 'signal', '[]', $2)",
        SESSION, OrderState.FILLED,
    )  # fmt: skip
    pool.terminate()
    answer = await api.client.delete("/api/v1/orders/o-1")
    assert (answer.status_code, answer.json()["detail"]) == (409, "order o-1 is filled")
    found = (await api.client.get("/api/v1/orders/o-1")).json()
    assert (found["order"]["status"], found["events"]) == ("filled", [])
    assert await commands(api) == []


async def test_switching_a_strategy_is_answered_by_the_strategies(patient: Api) -> None:
    assert (await patient.client.post("/api/v1/strategies/none/off", json={})).status_code == 404
    placed = approved(strategy="manual")
    await patient.session.put("ord", placed)
    await patient.knows("/api/v1/state", 1, "orders", "approved")

    async def strategy() -> None:
        async with asyncio.timeout(WAIT_S):
            while not (given := await commands(patient)):
                await asyncio.sleep(0.05)
        note = Note(
            strategy="manual", ts=START, level="info", text="switched off", command_id=given[0].command_id
        )
        await patient.session.put("sig", note)

    stage = asyncio.create_task(strategy())
    key = {"Idempotency-Key": "k"}
    answer = await patient.client.post("/api/v1/strategies/manual/off", json={"close": True}, headers=key)
    await stage
    await patient.knows("/api/v1/strategies/manual", False, "on")
    answer = await patient.client.post("/api/v1/strategies/manual/off", json={"close": True}, headers=key)
    assert (answer.status_code, answer.json()["reason"]) == (200, "switched off")
    assert (await commands(patient))[0].arguments == {"positions": "close"}


async def test_a_switched_mode_is_answered_by_risk_once_for_each_key(patient: Api) -> None:
    await patient.session.put("ord", approved(strategy="manual"))
    await patient.knows("/api/v1/state", 1, "orders", "approved")
    await patient.knows("/api/v1/strategies/manual", "trade", "mode")
    path, body, key = "/api/v1/strategies/manual/mode", {"mode": "shadow"}, {"Idempotency-Key": "k"}
    wrong = await patient.client.post(path, json={"mode": "live"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "body.mode")

    risk = asyncio.create_task(answer_next(patient.session))
    first = await patient.client.post(path, json=body, headers=key)
    await risk
    again = await patient.client.post(path, json=body, headers=key)
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    other = await patient.client.post(path, json={"mode": "trade"}, headers=key)
    assert (other.status_code, other.json()["detail"]) == (
        409, "this idempotency key was used with another command",
    )  # fmt: skip
    await patient.knows("/api/v1/strategies/manual", "shadow", "mode")
    (given,) = await commands(patient)
    assert (given.verb, given.strategy, given.arguments) == ("strategy_mode", "manual", {"mode": "shadow"})
