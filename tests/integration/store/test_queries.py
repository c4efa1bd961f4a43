from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from penstock_contracts.orders import PnlSampled, PositionChanged
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.queries import PageCursor, Queries, Scope
from support.message_examples import example
from support.messages import GRID, KEY, PERPETUAL, START, approved, fill, signal
from support.store import SESSION, database, record, session_log


def position(strategy: str, instrument: str, ts: int, quantity: str) -> PositionChanged:
    return PositionChanged(
        strategy=strategy,
        instrument=instrument,
        ts=ts,
        quantity=Decimal(quantity),
        average_price=None if quantity == "0" else Decimal("46300.5"),
        pnl_realized=Decimal("-1.25"),
        fees=Decimal("0.1"),
        currency="USDT",
    )


@pytest.fixture
async def queries(nats_url: str, postgres_url: str) -> AsyncIterator[Queries]:
    """Queries over a session of two strategies."""
    async with session_log(nats_url) as log:
        for number in range(1, 4):
            strategy = "cross" if number % 2 else "revert"
            ids = {"signal_id": f"s-{number}", "strategy": strategy, "ts": START + GRID}
            await log.put("sig", signal(ordinal=number, **ids))
        refused = example("ord", "refused")
        refused.signal_id = "s-2"
        await log.put("ord", refused, approved(signal_id="s-1"))
        await log.put("ven", example("ven", "submitted"), fill(number=2))
        await log.put(
            "ord",
            position("cross", KEY, START + 1, "0.1"),
            position("cross", PERPETUAL, START + 2, "5"),
            # Twice at one time: the later in the log is the position.
            position("cross", KEY, START + 3, "0.3"),
            position("cross", KEY, START + 3, "0"),
            example("ord", "pnl"),
        )
        await record(nats_url, postgres_url, await log.end(START + 99, "drawdown"))
    async with database(postgres_url) as pool:
        yield Queries(pool)


async def test_a_position_is_the_last_one_told(queries: Queries) -> None:
    found = [(each.strategy, each.instrument, each.quantity) for each in await queries.positions(SESSION)]
    assert found == [("cross", PERPETUAL, Decimal(5)), ("cross", KEY, Decimal(0))]


async def test_signals_tell_their_outcome_and_the_newest_comes_first(queries: Queries) -> None:
    page = await queries.signals(SESSION)
    assert [(each.ordinal, each.outcome, each.reason) for each in page.items] == [
        (3, None, None),
        (2, "refused", "gross"),
        (1, "approved", None),
    ]
    assert page.next_cursor is None


async def test_pages_of_rows_of_one_time_neither_skip_nor_repeat(queries: Queries) -> None:
    first = await queries.signals(SESSION, limit=2)
    assert first.next_cursor is not None
    second = await queries.signals(SESSION, limit=2, after=PageCursor.parse(first.next_cursor))
    assert [each.ordinal for each in first.items + second.items] == [3, 2, 1]
    assert second.next_cursor is None


async def test_a_scope_leaves_the_others_out(queries: Queries) -> None:
    assert [each.ordinal for each in (await queries.signals(SESSION, Scope("revert"))).items] == [2]
    assert (await queries.signals(SESSION, Scope("cross", PERPETUAL))).items == []
    assert (await queries.orders("another-session")).items == []


async def test_refusals_orders_and_money_are_exact(queries: Queries) -> None:
    (refusal,) = (await queries.refusals(SESSION)).items
    assert (refusal.rule, refusal.limit, refusal.value) == ("gross", Decimal(100_000), Decimal("100000.01"))
    (order,) = (await queries.orders(SESSION)).items
    assert (order.status, order.quantity_filled, order.fees) == (
        "partially_filled",
        Decimal("0.2"),
        Decimal("1.852"),
    )
    steps = await queries.order_events(SESSION, order.order_id)
    assert [(each.number, each.to_state) for each in steps] == [(1, "in_flight"), (2, "partially_filled")]
    (sample,) = (await queries.pnl(SESSION)).items
    expected = example("ord", "pnl")
    assert isinstance(expected, PnlSampled)
    assert (sample.strategy, sample.equity, sample.reserved) == (None, expected.equity, expected.reserved)
    assert [each.fill_id for each in (await queries.fills(SESSION)).items] == [fill().fill_id]


async def test_sessions_tell_how_they_ended(queries: Queries) -> None:
    (session,) = await queries.sessions()
    assert (session.session, session.ended_at, session.stop_reason) == (SESSION, START + 99, "drawdown")
    assert await queries.session("another") is None


async def test_a_database_without_tables_is_unavailable(postgres_url: str) -> None:
    async with database(postgres_url) as pool:
        with pytest.raises(Unavailable, match="no tables yet"):
            await Queries(pool).check()
