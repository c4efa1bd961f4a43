"""Messages to bytes and back: what is written is read, and what is wrong is named."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from penstock_contracts.base import MessageType, message_types, type_of
from penstock_contracts.codec import DECODE_BYTES_MAX, MESSAGE_BYTES_MAX, decode, encode, rows_of, same
from penstock_contracts.columns import text_column
from penstock_contracts.market import TradeBatch
from penstock_contracts.signals import Note
from support.message_examples import example, examples
from support.messages import START, approved, done, feature_bars, prices, signal, trades


@pytest.mark.parametrize("entry", message_types(), ids=lambda entry: entry.name)
def test_every_message_survives_the_wire(entry: MessageType) -> None:
    message = example(entry.family, entry.kind)
    again = decode(entry.family, entry.kind, entry.major, encode(message))
    assert type(again) is entry.cls
    assert same(again, message)
    if not entry.columns:
        assert again == message


def test_a_done_belongs_to_four_families_and_its_type_needs_one_named() -> None:
    assert type_of(done(), "sig").name == "penstock.signal.done.v1"
    with pytest.raises(TypeError, match="feat, sig, ord, ven"):
        type_of(done())


@pytest.mark.parametrize(
    "text", ["0.1", "-0.000000000000000001", "1E+3", "123456789012345678901234567890", "1.10"]
)
def test_decimals_are_strings_on_the_wire_and_come_back_to_the_last_digit(text: str) -> None:
    written = encode(signal(target=Decimal(text)))
    assert f'"target":"{Decimal(text)}"'.encode() in written
    assert str(decode("sig", "signal", 1, written).target) == str(Decimal(text))


@pytest.mark.parametrize("count", [0, 1, 7, 1_000])
def test_a_batch_of_any_length_survives_the_wire(count: int) -> None:
    batch = trades([START + row for row in range(count)], [4_630_000 + row for row in range(count)])
    again = decode("md", "trade", 1, encode(batch))
    assert rows_of(again) == count
    for name in ("ts_event", "ts_init", "price", "size", "side", "flags", "trade_id"):
        np.testing.assert_array_equal(getattr(again, name), getattr(batch, name))


def test_columns_start_on_eight_byte_boundaries_and_are_views_of_the_message() -> None:
    again = decode("md", "trade", 1, encode(trades()))
    for name in ("ts_event", "price", "side", "trade_id"):
        column = getattr(again, name)
        assert column.base is not None
        assert column.ctypes.data % 8 == 0
        assert not column.flags.writeable


def test_floats_survive_bit_for_bit() -> None:
    values = np.array([[0.1 + 0.2, np.nan], [-0.0, 5e-324]])
    again = decode("feat", "bar", 1, encode(replace(feature_bars(), values=values)))
    assert again.values.tobytes() == values.tobytes()


def test_a_matrix_without_columns_keeps_its_rows() -> None:
    batch = replace(feature_bars(), names=(), values=np.empty((2, 0)))
    assert decode("feat", "bar", 1, encode(batch)).values.shape == (2, 0)


def test_what_stands_before_the_columns_is_of_this_message_and_not_of_one_before_it() -> None:
    first = feature_bars()
    for other in (
        first,
        replace(first, instrument="eth-usdt.binance"),
        replace(first, price_scale=first.price_scale + 1),
        replace(first, names=tuple(f"{name}2" for name in first.names)),
        replace(first, names=list(first.names)),  # type: ignore[arg-type]  # no cache keeps it
        first,
    ):
        again = decode("feat", "bar", 1, encode(other))
        assert (again.instrument, again.price_scale) == (other.instrument, other.price_scale)
        assert again.names == tuple(other.names)
    for ids in (["7"], ["a-much-longer-identifier"], ["8"]):
        batch = trades([START], [4_630_000])
        again = decode("md", "trade", 1, encode(replace(batch, trade_id=text_column(ids))))
        assert again.trade_id.tolist() == [ids[0].encode()]


def test_text_of_different_widths_survives() -> None:
    batch = replace(trades(), trade_id=text_column(["7", "a-much-longer-identifier"]))
    assert decode("md", "trade", 1, encode(batch)).trade_id.tolist() == [b"7", b"a-much-longer-identifier"]


def test_same_compares_what_messages_say() -> None:
    assert same(trades(), trades())
    assert not same(trades(), trades(prices=(4_630_112, 4_630_151)))
    assert not same(trades(), prices())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price": np.array([1, 2, 3])}, r"column price has the shape \(3,\), not \(2,\)"),
        ({"price": np.array([1.5, 2.5])}, "column price is float64, not <i8"),
        ({"side": np.array([1, -1])}, r"column side is int64, not \|i1"),
        ({"trade_id": np.array(["1", "2"])}, "column trade_id is <U1, not S"),
    ],
)
def test_a_batch_that_could_not_be_read_is_not_written(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encode(replace(trades(), **changes))


@pytest.mark.parametrize("field", ["ts", "ordinal"])
def test_a_plain_field_of_another_type_is_not_written(field: str) -> None:
    with pytest.raises(ValueError, match="Expected `int`"):
        encode(signal(**{field: "1"}))


def test_a_message_above_what_readers_read_is_not_written() -> None:
    rows = DECODE_BYTES_MAX // 8
    big = np.zeros(rows, dtype=np.int64)
    small = np.zeros(rows, dtype=np.int8)
    batch = TradeBatch(
        instrument="a.b", source="x", price_scale=0, size_scale=0, ts_event=big, ts_init=big, price=big,
        size=big, side=small, flags=small, trade_id=np.zeros(rows, dtype="S1"),
    )  # fmt: skip
    with pytest.raises(ValueError, match="can be read"):
        encode(batch)


def test_readers_read_more_than_producers_may_write() -> None:
    assert DECODE_BYTES_MAX > MESSAGE_BYTES_MAX
    text = "x" * 2_000
    assert decode("sig", "note", 1, encode(Note(strategy="a", ts=1, level="info", text=text))).text == text


def test_what_a_newer_version_added_is_read_over() -> None:
    plain = encode(approved())[:-1] + b',"urgency":{"level":[1,2]},"note":null}'
    assert decode("ord", "approved", 1, plain) == approved()


def test_a_field_with_a_default_may_be_missing() -> None:
    written = encode(done(flat=True)).replace(b'"flat":true,', b"")
    assert decode("ord", "done", 1, written) == done()


def test_every_example_is_of_its_registered_class() -> None:
    assert len(examples()) == len(message_types())
