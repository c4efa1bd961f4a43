import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.catalog import message_types
from penstock_contracts.control import Claim, ManualOrder
from penstock_contracts.market import TradeBatch
from penstock_contracts.signals import Note
from penstock_contracts.types import Side
from penstock_recorder.batches import ENCODERS
from penstock_recorder.changes import Changes
from penstock_recorder.records import TABLES
from penstock_recorder.rows import NOT_STORED, Projection
from support.message_examples import example
from support.messages import GRID, START, approved, command, fill, mark, trades


def projected(*messages: Message) -> Changes:
    """The rows of messages at the places 1, 2, …"""
    projection = Projection("test")
    for sequence, message in enumerate(messages, 1):
        projection.take(sequence, message)
    return projection.drain()


@pytest.mark.parametrize("entry", message_types(), ids=lambda entry: entry.name)
def test_every_kind_of_message_is_stored_or_named_as_not_stored(entry: Any) -> None:
    changes = projected(example(entry.family, entry.kind)) if _stored(entry) else None
    if changes is None or entry.kind == "mark":
        return
    assert changes.binary or changes.records or changes.outcomes or changes.steps or changes.endings


def _stored(entry: Any) -> bool:
    return (entry.family, entry.kind) not in NOT_STORED


def test_a_type_without_a_table_is_an_error() -> None:
    with pytest.raises(TypeError, match="no table for Claim"):
        projected(Claim(producer="ingest", nonce="n", succeeds=1))


def test_a_command_is_audited_with_who_gave_it_from_where_and_what_came_of_it() -> None:
    order = ManualOrder(side=Side.BUY, quantity=Decimal("0.5"))
    placed = command(verb="place", by="desk", origin="api 10.0.0.7", order=order)
    switched = Note(strategy="cross", ts=START, level="info", text="switched off", command_id="c-2")
    columns, rows = projected(placed, switched).records["audit"]
    given, answered = (dict(zip(columns, row, strict=True)) for row in rows)
    assert (given["who"], given["what"], given["outcome"]) == ("desk", "place", "issued")
    details = json.loads(given["details"])
    assert (details["origin"], details["order"]["quantity"]) == ("api 10.0.0.7", "0.5")
    assert (answered["who"], answered["outcome"], answered["command_id"]) == ("cross", "done", "c-2")


def test_a_note_that_answers_nothing_is_not_in_the_audit() -> None:
    note = Note(strategy="cross", ts=START, level="info", text="warm")
    assert "audit" not in projected(note).records


def _sliced(batch: TradeBatch, start: int, end: int) -> TradeBatch:
    columns = ("ts_event", "ts_init", "price", "size", "side", "flags", "trade_id")
    return TradeBatch(
        instrument=batch.instrument,
        source=batch.source,
        price_scale=batch.price_scale,
        size_scale=batch.size_scale,
        **{name: getattr(batch, name)[start:end] for name in columns},
    )


@given(st.lists(st.integers(0, 10), max_size=4).map(sorted), st.booleans())
def test_the_rows_do_not_depend_on_where_batches_and_transactions_are_cut(
    cuts: list[int], drain: bool
) -> None:
    whole = trades([START + number for number in range(10)], [100 + number for number in range(10)])
    projection = Projection("test")
    rows = b""
    for start, end in zip([0, *cuts], [*cuts, 10], strict=True):
        projection.take(1, _sliced(whole, start, end))
        if drain:
            rows += _rows(projection.drain())
    rows += _rows(projection.drain())
    assert rows == _rows(projected(whole))


def _rows(changes: Changes) -> bytes:
    return b"".join(changes.binary.get("trades", ((), []))[1])


def test_batches_of_different_instruments_and_scales_are_not_mixed() -> None:
    other = trades(instrument="eth-usdt.binance")
    coarse = trades()
    coarse.price_scale = 1
    changes = projected(trades(), other, coarse, trades())
    assert changes.rows == 8
    assert len(changes.binary["trades"][1]) == 3


def test_a_drain_takes_everything_once() -> None:
    projection = Projection("test")
    projection.take(1, trades())
    projection.take(2, approved())
    assert projection.drain().rows == 3
    assert projection.drain().rows == 0


def test_only_orders_of_signals_settle_a_signal() -> None:
    assert projected(approved()).outcomes == [("test", approved().signal_id, "approved", None, None)]
    assert projected(approved(reason="flatten")).outcomes == []


def test_a_fill_moves_its_order_to_filled_when_nothing_is_left() -> None:
    partly, last = projected(fill(), fill(number=4, quantity_left=Decimal(0))).steps
    assert (partly.to_state, last.to_state) == ("partially_filled", "filled")
    assert (last.quantity, last.price, last.fee, last.fee_currency) == (
        Decimal("0.2"),
        Decimal("46300.0"),
        Decimal("1.852"),
        "USDT",
    )


def test_a_mark_leaves_its_time_and_no_row() -> None:
    projection = Projection("test", mark=5)
    projection.take(1, mark(ts=START + GRID))
    assert projection.mark == START + GRID
    assert projection.drain().rows == 0


def test_rows_carry_the_session_whose_genesis_came_last() -> None:
    projection = Projection("")
    genesis = example("ctl", "session")
    projection.take(41, genesis)
    projection.take(42, approved())
    changes = projection.drain()
    columns, (row,) = changes.records["orders"]
    assert dict(zip(columns, row, strict=True))["session"] == genesis.session_id
    columns, (row,) = changes.records["sessions"]
    assert dict(zip(columns, row, strict=True))["epoch"] == 41


def test_stored_types_have_one_home() -> None:
    assert not set(TABLES) & set(ENCODERS)
