"""Messages that nobody can read end in UnreadableMessage, at once, and never in anything else."""

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock_contracts.base import MessageType, message_types
from penstock_contracts.codec import DECODE_BYTES_MAX, decode, encode
from penstock_contracts.errors import UnknownVersion, UnreadableMessage
from support.golden import Golden, corpus
from support.messages import feature_bars, signal, trades

SIGNAL = json.loads(encode(signal()))
DEEP = "[" * 100_000


def changed(**fields: Any) -> bytes:
    return json.dumps({**SIGNAL, **fields}).encode()


def test_an_unknown_major_version_is_named() -> None:
    with pytest.raises(UnknownVersion, match=r"md\.trade\.v2"):
        decode("md", "trade", 2, encode(trades()))


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownVersion, match=r"md\.tick\.v1"):
        decode("md", "tick", 1, b"{}")


@pytest.mark.parametrize("field", ["signal_id", "strategy", "instrument", "ts", "direction", "price"])
def test_a_missing_field_is_named(field: str) -> None:
    written = json.dumps({key: value for key, value in SIGNAL.items() if key != field}).encode()
    with pytest.raises(UnreadableMessage, match=rf"penstock\.signal\.signal\.v1: {field}: Field required"):
        decode("sig", "signal", 1, written)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", "up"),
        ("direction", 1),
        ("ts", "2022-01-01T12:00:00"),
        ("ts", "1641038400000000000"),
        ("ts", 1.5),
        ("ts", -1),
        ("ts", 2**63),
        ("ts", True),
        ("ordinal", 10**200),
        ("confidence", 1.01),
        ("confidence", float("nan")),
        ("confidence", float("inf")),
        ("price", "0"),
        ("price", "-1"),
        ("price", "abc"),
        ("price", ""),
        ("price", None),
        ("instrument", "BTC/USDT"),
        ("instrument", "btc-usdt.binance\n"),
        ("strategy", "a b"),
        ("signal_id", "x" * 65),
        ("features_ref", "x" * 2_001),
        ("metadata", {"a": 1}),
        ("style", []),
    ],
)
def test_a_bad_value_is_refused_and_its_field_named(field: str, value: object) -> None:
    with pytest.raises(UnreadableMessage, match=rf"v1: {field}"):
        decode("sig", "signal", 1, changed(**{field: value}))


@pytest.mark.parametrize(
    "bomb",
    [
        "1e999999999",
        "1e-999999999",
        "0e999999999",
        "0e-999999999",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "9" * 500_000,
    ],
    ids=lambda bomb: bomb[:16],
)
@pytest.mark.parametrize("field", ["price", "target"])
def test_a_decimal_bomb_is_refused_before_it_goes_off(field: str, bomb: str) -> None:
    with pytest.raises(UnreadableMessage, match=field):
        decode("sig", "signal", 1, changed(**{field: bomb}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{}",
        b'{"ts": ' + b"9" * 100_000 + b"}",
        b'{"unknown": ' + DEEP.encode(),
        b'{"unknown": ' + b'{"a":' * 50_000,
        b'{"strategy": "\\ud800"}',
        b" " * (DECODE_BYTES_MAX + 1),
    ],
    ids=lambda data: repr(data[:16]),
)
@pytest.mark.parametrize(
    ("family", "kind"), [("sig", "signal"), ("md", "mark"), ("md", "trade"), ("feat", "bar")]
)
def test_nonsense_is_refused(family: Any, kind: str, data: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        decode(family, kind, 1, data)


def with_header(data: bytes, edit: Callable[[dict[str, Any]], None]) -> bytes:
    """The batch with another header, columns as they were."""
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    edit(header)
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return len(text).to_bytes(4, "little") + text + data[4 + length :]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda header: header.update(rows=3), "cut off"),
        (lambda header: header.update(rows=1), "end at byte"),
        (lambda header: header.update(rows=2**40), "rows"),
        (lambda header: header.update(rows=-1), "rows"),
        (lambda header: header.update(rows="2"), "rows"),
        (lambda header: header.update(rows=2.0), "rows"),
        (lambda header: header.pop("rows"), "rows"),
        (lambda header: header["widths"].update(trade_id=100), "cut off"),
        (lambda header: header["widths"].update(trade_id=1), "end at byte"),
        (lambda header: header["widths"].update(trade_id=0), "widths.trade_id"),
        (lambda header: header["widths"].update(trade_id=10**9), "widths.trade_id"),
        (lambda header: header.pop("widths"), "trade_id without a width"),
        (lambda header: header.update(price_scale=19), "price_scale"),
        (lambda header: header.update(instrument=None), "instrument"),
    ],
)
def test_a_header_that_lies_about_its_columns_is_refused(
    edit: Callable[[dict[str, Any]], None], says: str
) -> None:
    with pytest.raises(UnreadableMessage, match=says):
        decode("md", "trade", 1, with_header(encode(trades()), edit))


def test_a_matrix_of_other_columns_than_its_names_is_refused() -> None:
    lie = with_header(encode(feature_bars()), lambda header: header.update(names=["fast", "slow", "third"]))
    with pytest.raises(UnreadableMessage, match="values is cut off"):
        decode("feat", "bar", 1, lie)


@pytest.mark.parametrize("length", [0, 1, 10**6, 2**32 - 1])
def test_a_header_length_that_lies_is_refused(length: int) -> None:
    with pytest.raises(UnreadableMessage):
        decode("md", "trade", 1, length.to_bytes(4, "little") + encode(trades())[4:])


def test_a_batch_cut_off_anywhere_or_with_a_tail_is_refused() -> None:
    data = encode(trades())
    for cut in range(len(data)):
        with pytest.raises(UnreadableMessage):
            decode("md", "trade", 1, data[:cut])
    with pytest.raises(UnreadableMessage, match="end at byte"):
        decode("md", "trade", 1, data + b"\0" * 8)


def read(entry: MessageType, data: bytes) -> None:
    """Decode; an unreadable message is one of the two results that there may be."""
    try:
        message = decode(entry.family, entry.kind, entry.major, data)
    except UnreadableMessage:
        return
    encode(message)


@given(st.sampled_from(message_types()), st.binary(max_size=300))
def test_random_bytes_are_read_or_unreadable(entry: MessageType, data: bytes) -> None:
    read(entry, data)
    read(entry, len(data).to_bytes(4, "little") + data)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1e99999999", "NaN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(corpus()), st.data())
def test_a_golden_message_with_one_field_changed_is_read_or_unreadable(
    golden: Golden, data: st.DataObject
) -> None:
    body = golden.body
    text = body[4 : 4 + int.from_bytes(body[:4], "little")] if golden.entry.columns else body
    value = data.draw(JSON)
    field = data.draw(st.sampled_from(sorted(json.loads(text))))
    if golden.entry.columns:
        read(golden.entry, with_header(body, lambda header: header.update({field: value})))
    else:
        read(golden.entry, json.dumps({**json.loads(text), field: value}).encode())


@settings(max_examples=300)
@given(st.sampled_from(corpus()), st.data())
def test_a_golden_message_with_bytes_changed_is_read_or_unreadable(
    golden: Golden, data: st.DataObject
) -> None:
    body = bytearray(golden.body)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
        body = body or bytearray(b"0")
    read(golden.entry, bytes(body))


@pytest.mark.parametrize(
    ("family", "kind", "data"), [("sig", "signal", encode(signal())), ("md", "trade", encode(trades()))]
)
def test_an_oversize_message_is_not_even_looked_at(family: Any, kind: str, data: bytes) -> None:
    padded = data + b" " * (DECODE_BYTES_MAX + 1 - len(data))
    with pytest.raises(UnreadableMessage, match="1048577 bytes, at most 1048576 are read"):
        decode(family, kind, 1, padded)


def test_no_bad_message_takes_long_or_much_memory() -> None:
    """Bounds a hundred times above what it takes: they tell a bomb from a busy machine."""
    worst = [
        ("sig", "signal", changed(price="9" * (DECODE_BYTES_MAX - 2_000))),
        ("sig", "signal", b'{"a":' * (DECODE_BYTES_MAX // 5)),
        ("sig", "signal", b'{"metadata":{' + b",".join(b'"%d":""' % n for n in range(60_000)) + b"}}"),
        ("md", "trade", with_header(encode(trades()), lambda header: header.update(rows=DECODE_BYTES_MAX))),
        (
            "feat",
            "bar",
            with_header(encode(feature_bars()), lambda header: header.update(names=["x"] * 100_000)),
        ),
    ]
    tracemalloc.start()
    started = time.process_time()
    for family, kind, data in worst:
        with pytest.raises(UnreadableMessage):
            decode(family, kind, 1, data)  # type: ignore[arg-type]
    spent = time.process_time() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 10
    assert peak < 64 * 2**20
