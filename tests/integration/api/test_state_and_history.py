import asyncio
from decimal import Decimal

import pytest
from penstock_contracts.types import OrderState
from penstock_contracts.venue import OrderSubmitted
from penstock_runtime.embedded import EmbeddedPostgres
from penstock_runtime.errors import SessionOver
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.schema import known_migrations
from support.api import Api
from support.message_examples import example
from support.messages import GRID, KEY, START, approved, done, fill, prices, signal
from support.store import SESSION, record, session_log


async def trade(api: Api, number: int) -> int:
    """A signal, its order, and the fill of all of it."""
    ids = {"order_id": f"o-{number}", "strategy": "cross"}
    ts = START + number * GRID
    await api.session.put("sig", signal(signal_id=f"s-{number}", ts=ts, ordinal=number))
    await api.session.put(
        "ord", approved(signal_id=f"s-{number}", client_order_id=f"o-{number}", ts=ts, ordinal=number, **ids)
    )
    await api.session.put(
        "ven",
        OrderSubmitted(client_order_id=f"o-{number}", instrument=KEY, number=1, ts=ts, ts_effect=ts, **ids),
    )
    return await api.session.put(
        "ven", fill(fill_id=f"f-{number}", number=2, ts=ts + 1, quantity_left=Decimal(0), **ids)
    )


async def test_it_lives_before_it_is_ready_and_says_why_it_is_not(api: Api, postgres_url: str) -> None:
    async with asyncio.timeout(120):
        while True:
            answer = await api.client.get("/readyz")
            if len(answer.json()["reasons"]) == 1:
                break
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    (reason,) = answer.json()["reasons"]
    assert reason.startswith("the database has no tables yet: ")
    assert (await api.client.get("/livez")).json() == {"status": "alive"}
    await migrate(postgres_url)
    told = (await api.ready()).json()
    assert told["status"] == "ready"
    assert told["database"] == {"tier": "plain", "schema": "current", "migration": [*known_migrations()][-1]}


async def test_the_session_is_that_of_the_log(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    found = (await api.client.get("/api/v1/session")).json()
    assert (found["started_at"], found["ended_at"], found["database"]) == (1, None, "plain")


async def test_the_state_is_a_fold_of_the_log(api: Api) -> None:
    assert (await api.client.get("/api/v1/state")).json()["trading_state"] is None
    await api.session.put("feat", prices(), done())
    await api.session.put(
        "ord", approved(), example("ord", "position"), example("ord", "pnl"), done(flat=False)
    )
    await api.session.put("ven", example("ven", "submitted"), example("ven", "accepted"), fill())
    await api.knows("/api/v1/state", 1, "fills")
    state = (await api.client.get("/api/v1/state")).json()
    assert (state["trading_state"], state["flat"]) == ("active", False)
    assert state["marks"] == {"feat": START + GRID, "ord": START + GRID}
    assert state["account"]["equity"] == "99985.648"
    assert state["prices"][0]["last"] == "46301.50"
    assert (state["prices"][0]["bid"], state["prices"][1]["bid"]) == ("46301.49", None)
    (working,) = state["working"]
    assert (working["status"], working["quantity_filled"]) == (OrderState.PARTIALLY_FILLED, "0.2")
    assert state["orders"] == {"approved": 1, "working": 1}
    (position,) = (await api.client.get("/api/v1/positions")).json()["items"]
    assert (position["quantity"], position["average_price"]) == ("-0.2", "46300.0")


async def test_history_comes_in_pages_that_new_rows_do_not_move(
    api: Api, nats_url: str, postgres_url: str
) -> None:
    for number in range(1, 6):
        last = await trade(api, number)
    await record(nats_url, postgres_url, last)
    await api.ready()
    await api.knows("/api/v1/session", SESSION, "session_id")
    first = (await api.client.get("/api/v1/fills?limit=2")).json()
    assert [item["fill_id"] for item in first["items"]] == ["f-5", "f-4"]
    assert first["items"][0]["price"] == "46300.0"
    await record(nats_url, postgres_url, await trade(api, 6))
    seen = []
    cursor = first["next_cursor"]
    while cursor is not None:
        page = (await api.client.get("/api/v1/fills", params={"limit": 2, "cursor": cursor})).json()
        seen += [item["fill_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["f-3", "f-2", "f-1"]
    orders = (await api.client.get("/api/v1/orders", params={"strategy": "cross", "limit": 1})).json()
    assert (orders["items"][0]["order_id"], orders["items"][0]["status"]) == ("o-6", "filled")
    assert (await api.client.get("/api/v1/orders?strategy=other")).json() == {
        "items": [],
        "next_cursor": None,
    }
    signals = (await api.client.get("/api/v1/signals")).json()["items"]
    assert [(each["ordinal"], each["outcome"]) for each in signals] == [
        (number, "approved") for number in range(6, 0, -1)
    ]


async def test_without_a_database_the_state_is_there_and_the_history_is_not(
    api: Api, postgres: EmbeddedPostgres, postgres_url: str
) -> None:
    await migrate(postgres_url)
    await api.ready()
    await postgres.kill()
    try:
        answer = await api.client.get("/api/v1/fills")
        assert answer.status_code == 503
        assert answer.json()["title"] == "Service Unavailable"
        assert (await api.client.get("/readyz")).status_code == 503
        assert (await api.client.get("/api/v1/session")).json()["database"] is None
        assert (await api.client.get("/api/v1/state")).status_code == 200
    finally:
        await postgres.start()
    await api.ready()


async def test_a_new_session_ends_it(api: Api, nats_url: str) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    async with session_log(nats_url, "second"):
        with pytest.raises(SessionOver):
            await asyncio.wait_for(api.task, 20)


async def test_told_to_stop_it_stops_without_an_error(api: Api) -> None:
    await api.knows("/api/v1/session", SESSION, "session_id")
    api.stop.set()
    await asyncio.wait_for(api.task, 20)
