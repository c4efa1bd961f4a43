import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from penstock_contracts.base import FAMILIES
from penstock_contracts.catalog import message_types
from penstock_contracts.types import Outcome
from penstock_recorder.rows import NOT_STORED
from support.message_examples import example
from support.messages import KEY, ORDER, PERPETUAL, SIGNAL, START, fill, signal, trades
from support.store import SESSION, counts, database, record, rows, session_log

# In the order in which the messages of an order's life can come.
LIFE = [
    ("sig", "signal"), ("ord", "approved"), ("ven", "submitted"), ("ven", "accepted"), ("ven", "fill"),
    ("ven", "event"), ("ord", "position"), ("ord", "cancel"),
]  # fmt: skip


@pytest.fixture
async def recorded(nats_url: str, postgres_url: str) -> dict[str, list[dict[str, Any]]]:
    """All tables, after one message of every kind was recorded."""
    kinds = [(entry.family, entry.kind) for entry in message_types() if entry.family != "ctl"]
    others = [each for each in kinds if each not in LIFE and each[1] != "done"]
    async with session_log(nats_url) as log:
        for family, kind in [*LIFE, *others, *(each for each in kinds if each[1] == "done")]:
            await log.put(family, example(family, kind))
        await log.command(example("ctl", "command"))
        await log.log._store("p0.ctl.v1.config._._", example("ctl", "config"), "config")
        await record(nats_url, postgres_url, await log.end(START + 99))
    async with database(postgres_url) as pool:
        return {table: await rows(pool, table) for table in await counts(pool)}


async def test_no_table_stays_empty(recorded: dict[str, list[dict[str, Any]]]) -> None:
    # Nothing has left the log, and longer bars are made apart from recording.
    empty = {table for table, found in recorded.items() if not found}
    assert empty == {"archive", "bar_rollups", "rollup_progress"}
    # Every kind is either stored or named as not stored.
    assert {family for family, _ in NOT_STORED} <= set(FAMILIES)
    for found in recorded.values():
        assert all(row["session"] == SESSION for row in found)


async def test_a_quarantined_row_keeps_its_reason_and_place(
    recorded: dict[str, list[dict[str, Any]]],
) -> None:
    (row,) = recorded["quarantine"]
    assert (row["family"], row["kind"]) == ("md", "row")
    assert row["reason"] == "size_not_positive: row 17 of 1-btc-usdt.csv"
    assert bytes(row["raw"]) == b"1640995200000,46301.5,0,buy"


async def test_trades_and_quotes_are_exact(recorded: dict[str, list[dict[str, Any]]]) -> None:
    first = recorded["trades"][0]
    names = ("instrument", "ts", "price", "size", "side", "trade_id")
    assert tuple(first[name] for name in names) == (
        KEY, START + 1, Decimal("46301.12"), Decimal("0.001500"), "buy", "1198112450",
    )  # fmt: skip
    assert recorded["trades"][1]["side"] == "sell"
    quotes = recorded["quotes"]
    assert [quote["bid_size"] for quote in quotes] == [Decimal("1.25"), None, Decimal("0.08")]
    assert quotes[0]["ts"] == quotes[0]["ts_event"] + 3_000_000
    assert [change["action"] for change in recorded["book_changes"]] == ["clear", "set_last", "set_last"]


async def test_bars_of_a_source_and_of_features_are_told_apart(
    recorded: dict[str, list[dict[str, Any]]],
) -> None:
    delivered = [bar for bar in recorded["bars"] if bar["source"] == "btc-perp-1m"]
    built = [bar for bar in recorded["bars"] if bar["source"] == "features.trades"]
    assert [bar["instrument"] for bar in delivered] == [PERPETUAL, PERPETUAL]
    assert delivered[0]["close"] == Decimal("46377.0")
    assert delivered[0]["volume"] == Decimal("2300413.7295")
    assert (delivered[0]["trades"], delivered[0]["vwap"], delivered[1]["vwap"]) == (None, None, 46_391.25)
    assert delivered[0]["hash"] != delivered[1]["hash"]
    assert len(delivered[0]["hash"]) == 8
    assert len(built) == 2
    by_bar = [each for each in recorded["features"] if each["trigger"] == "bar"]
    assert by_bar[0]["names"] == ["fast", "slow"]
    assert math.isnan(by_bar[0]["values"][1])
    expected = example("feat", "bar")
    assert np.array_equal([each["values"] for each in by_bar], expected.values, equal_nan=True)
    assert by_bar[0]["interval"] == 1_000_000_000


async def test_the_order_follows_its_events(recorded: dict[str, list[dict[str, Any]]]) -> None:
    (order,) = recorded["orders"]
    approved, filled, changed = example("ord", "approved"), example("ven", "fill"), example("ven", "event")
    assert order["order_id"] == ORDER
    assert (order["quantity"], order["reference_price"]) == (approved.quantity, approved.reference_price)
    assert json.loads(order["checks"])[0]["rule"] == approved.checks[0].rule
    assert order["status"] == changed.to_state
    assert (order["quantity_filled"], order["average_price"]) == (filled.quantity, filled.price)
    assert (order["fees"], order["fee_currency"]) == (filled.fee, filled.fee_currency)
    assert order["venue_order_id"] == "paper-1"
    assert order["routed_at"] == example("ven", "submitted").ts
    steps = sorted(recorded["order_events"], key=lambda step: step["number"])
    assert [(step["from_state"], step["to_state"]) for step in steps] == [
        ("approved", "in_flight"),
        ("in_flight", "accepted"),
        ("accepted", "partially_filled"),
        ("partially_filled", "cancel_pending"),
    ]


async def test_money_is_exact(recorded: dict[str, list[dict[str, Any]]]) -> None:
    (stored,) = recorded["fills"]
    expected = fill()
    for name in ("fill_id", "price", "quantity", "fee", "fee_currency", "ts", "ts_known", "side", "venue"):
        assert stored[name] == getattr(expected, name), name
    (position,), (pnl,), (balance,) = recorded["positions"], recorded["pnl"], recorded["balances"]
    assert position["pnl_realized"] == Decimal("-12.5")
    assert str(position["average_price"]) == "46300.0"
    assert (pnl["strategy"], pnl["equity"], pnl["drawdown_max"]) == (
        None,
        Decimal("99985.648"),
        Decimal("14.352"),
    )
    assert balance["available"] == Decimal("90738.148")
    assert recorded["fundings"][0]["rate"] == Decimal("-0.0000125")


async def test_what_people_and_risk_did_is_audited(recorded: dict[str, list[dict[str, Any]]]) -> None:
    seen = {(entry["who"], entry["what"], entry["outcome"]) for entry in recorded["audit"]}
    command = example("ctl", "command")
    assert seen == {
        (command.by, command.verb, "issued"),
        ("operator", "config", "changed"),
        ("risk", "state", "halted"),
        ("risk", "cancel", "requested"),
    }
    (session,) = recorded["sessions"]
    assert (session["started_at"], session["ended_at"], session["stop_reason"]) == (1, START + 99, "duration")
    assert json.loads(session["outputs"])["risk"] > 0


@pytest.mark.parametrize(
    ("kind", "outcome", "reason", "superseded_by"),
    [
        ("approved", Outcome.APPROVED, None, None),
        ("refused", Outcome.REFUSED, "gross", None),
        ("resolved", Outcome.SUPERSEDED, None, "s-77"),
    ],
)
async def test_a_signal_gets_its_outcome_in_the_same_batch_or_in_a_later_one(
    nats_url: str, postgres_url: str, kind: str, outcome: str, reason: str | None, superseded_by: str | None
) -> None:
    async with session_log(nats_url) as log, database(postgres_url) as pool:
        await record(nats_url, postgres_url, await log.put("sig", signal()))
        (waiting,) = await rows(pool, "signals")
        assert (waiting["outcome"], waiting["price"]) == (None, signal().price)
        await record(nats_url, postgres_url, await log.put("ord", example("ord", kind)))
        (settled,) = await rows(pool, "signals")
        assert settled["signal_id"] == SIGNAL
        assert (settled["outcome"], settled["reason"], settled["superseded_by"]) == (
            outcome,
            reason,
            superseded_by,
        )


async def test_text_that_the_database_cannot_hold_is_quarantined_or_mended(
    nats_url: str, postgres_url: str
) -> None:
    bad = trades()
    bad.trade_id = np.array([b"\xff\xfe", b"a\x00b"])
    note = example("sig", "note")
    note.text = "before\x00after"
    async with session_log(nats_url) as log:
        await log.put("md", bad)
        await record(nats_url, postgres_url, await log.put("sig", note))
    async with database(postgres_url) as pool:
        (kept,) = await rows(pool, "quarantine")
        assert (kept["family"], kept["kind"]) == ("md", "trade")
        assert kept["reason"].startswith("trade_id: 'utf-8' codec")
        assert (await rows(pool, "notes"))[0]["text"] == "before\N{REPLACEMENT CHARACTER}after"
        assert await rows(pool, "trades") == []
