import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from penstock.main import run
from penstock_contracts.market import InstrumentDefined
from penstock_runtime.store.explaining import NotKnown, costs_of, explain
from penstock_runtime.store.pool import Pool
from support.message_examples import example
from support.messages import GRID, KEY, START, approved, fill, instrument, signal
from support.store import SESSION, database, record, session_log

TRADES = (
    "INSERT INTO trades SELECT $1, $2, $3::bigint + n, $3::bigint + n, 46000 + n, 1, 'buy', 0, n::text, 'x'"
    " FROM generate_series(-5, 5) n"
)
FEATURES = "INSERT INTO features VALUES ($1, $2, $3, 'bar', 1, 'fs-1', '{fast,slow}', '{1.5,NaN}')"
BOOK = "INSERT INTO book_changes VALUES ($1, $2, $3, $3, $4, $5, $6, $7, 0, $8, 'x')"


@pytest.fixture
async def pool(nats_url: str, postgres_url: str) -> AsyncIterator[Pool]:
    """A session of one order with a fill, one refused signal, and a market around them."""
    async with session_log(nats_url) as log:
        await log.put(
            "md", InstrumentDefined(ts_event=START, ts_init=START, instrument=instrument(instrument=KEY))
        )
        ref = f"fs-1/{KEY}/{START + GRID}"
        await log.put("sig", signal(signal_id="s-1", ts=START + GRID, features_ref=ref))
        await log.put("sig", signal(signal_id="s-2", ordinal=2, ts=START + GRID))
        refused = example("ord", "refused")
        refused.signal_id = "s-2"
        await log.put("ord", approved(signal_id="s-1", ts=START + GRID), refused)
        await log.put("ven", example("ven", "submitted"), fill(number=2))
        await record(nats_url, postgres_url, await log.end(START + 99, "drawdown"))
    async with database(postgres_url) as pool:
        at = START + GRID
        await pool.execute(TRADES, SESSION, KEY, at)
        await pool.execute(FEATURES, SESSION, KEY, at)
        changes = (
            (-9, "clear", "bid", 100, 1), (-8, "set", "bid", 99, 2), (-7, "set", "ask", 101, 3),
            (-6, "set", "bid", 100, 0), (1, "set", "ask", 102, 7),
        )  # fmt: skip
        for number, (late, action, side, price, size) in enumerate(changes):
            await pool.execute(BOOK, SESSION, KEY, at + late, action, side, price, size, number)
        yield pool


async def test_an_order_is_explained_by_what_was_known_when_it_was_decided(pool: Pool) -> None:
    order = approved()
    found = await explain(pool, order.order_id)
    assert found.order is not None
    assert found.signal is not None
    assert (found.session, found.signal["signal_id"], found.signal["outcome"]) == (SESSION, "s-1", "approved")
    # Of eleven trades, five came later.
    assert found.market["trade"]["trade_id"] == "0"
    assert found.market["book"] == {"bid": [[99, 2]], "ask": [[101, 3]]}
    assert found.market["quote"] is None
    assert [each["values"]["fast"] for each in found.features] == [1.5]
    limits = [(each["rule"], Decimal(each["limit"]), Decimal(each["value"])) for each in found.checks]
    assert limits == [(each.rule, each.limit, each.value) for each in order.checks]
    assert [each["to_state"] for each in found.events] == ["in_flight", "partially_filled"]
    assert [each["fill_id"] for each in found.fills] == [fill().fill_id]
    assert found.sequences == sorted(set(found.sequences))
    assert len(found.sequences) == 4


async def test_the_costs_are_measured_against_the_arrival_price(pool: Pool) -> None:
    found = await explain(pool, approved().client_order_id)
    assert found.costs is not None
    order, filled = approved(), fill()
    moved = filled.price - order.reference_price
    assert found.costs.slippage == moved * filled.quantity
    assert found.costs.slippage_bps == moved / order.reference_price * 10_000
    assert found.costs.fees == filled.fee


def test_an_inverse_contract_costs_what_it_settles_in() -> None:
    order = {
        "quantity_filled": Decimal(1000),
        "average_price": Decimal(50_000),
        "reference_price": Decimal(40_000),
        "side": "sell",
        "reason": "signal",
        "fees": Decimal("0.001"),
        "fee_currency": "BTC",
    }
    definition = {"multiplier": "1", "inverse": True, "settlement": "BTC"}
    costs = costs_of(order, definition, Decimal(40_000))
    assert costs.slippage == Decimal("-0.005")
    assert (costs.delay, costs.shortfall) == (0, Decimal("-0.004"))
    order["fee_currency"] = "USD"
    assert costs_of(order, definition, None).shortfall is None


async def test_a_refused_signal_is_explained_by_its_rule(pool: Pool) -> None:
    found = await explain(pool, "s-2")
    assert found.order is None
    assert found.refusal is not None
    assert (found.refusal["rule"], found.refusal["limit"]) == ("gross", Decimal(100_000))
    assert found.market["trade"]["trade_id"] == "0"


async def test_a_signal_is_explained_by_its_order(pool: Pool) -> None:
    found = await explain(pool, "s-1", SESSION)
    assert found.orders_of_signal == [approved().order_id]
    assert found.order is not None


async def test_what_nobody_knows_is_said(pool: Pool) -> None:
    with pytest.raises(NotKnown, match="no order and no signal o-none in any session"):
        await explain(pool, "o-none")
    with pytest.raises(NotKnown, match="in session other"):
        await explain(pool, approved().order_id, "other")


async def test_the_command_prints_it_as_text_and_as_json(
    pool: Pool, postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_POSTGRES_URL", postgres_url)
    assert await asyncio.to_thread(run, ["explain", approved().order_id]) == 0
    text = capsys.readouterr().out
    for expected in (
        "market at the decision",
        "fast = 1.5",
        "✓ order_notional  24955.7 of 25000",
        "slippage",
        "in_flight",
    ):
        assert expected in text
    assert await asyncio.to_thread(run, ["explain", "s-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refusal"]["rule"] == "gross"
    assert await asyncio.to_thread(run, ["query", "quote", KEY]) == 0
    assert "last 46005, size 1 buy" in capsys.readouterr().out
    assert await asyncio.to_thread(run, ["query", "bars", "--interval", "1x"]) == 78
    assert "no duration is written '1x'" in capsys.readouterr().err
    assert await asyncio.to_thread(run, ["explain", "nothing"]) == 1
    await pool.execute("DROP TABLE bar_rollups, rollup_progress")
    assert await asyncio.to_thread(run, ["query", "pnl"]) == 78
    assert "half applied" in capsys.readouterr().err
