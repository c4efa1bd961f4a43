"""Columnar messages to rows: batches of the same kind are joined, then encoded as one matrix of bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.base import Message, first_type_of
from penstock_contracts.codec import rows_of
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.market import BarBatch, BookBatch, QuoteBatch, TradeBatch

from penstock_recorder import binary
from penstock_recorder.binary import Cells
from penstock_recorder.changes import Changes
from penstock_recorder.records import text

_HASH_BYTES = 8
ENCODED_ROWS = 16_384
"""Rows of a kind that are encoded in one go: what they take while they are encoded fits a cache."""
_AGGRESSORS = {1: "buy", -1: "sell"}
_BOOK_SIDES = {1: "bid", -1: "ask"}
_BOOK_ACTIONS = {0: "clear", 1: "set", 2: "clear_last", 3: "set_last"}


class Batches:
    """Collects columnar messages; those that differ in their columns only are written together."""

    def __init__(self) -> None:
        self._groups: dict[tuple[Any, ...], _Group] = {}
        self._encoded = Changes()

    def add(self, session: str, message: Message) -> None:
        """Keep a message of `ENCODERS` until the next `drain`. UnreadableMessage for text that is none."""
        cls = type(message)
        if cls is TradeBatch:
            _check_text(message.trade_id)
        key = (session, cls, *(getattr(message, name) for name in first_type_of(cls).fields))
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group()
        group.messages.append(message)
        group.rows += rows_of(message)
        if group.rows >= ENCODED_ROWS:
            self._encode(key)

    def drain(self, changes: Changes) -> None:
        """Give what was collected, encoded, in the order in which its kinds came first."""
        for key in self._groups:
            self._encode(key)
        encoded, self._encoded = self._encoded, Changes()
        self._groups = {}
        changes.take_binary(encoded)

    def _encode(self, key: tuple[Any, ...]) -> None:
        group = self._groups[key]
        if group.rows:
            ENCODERS[key[1]](key[0], _joined(group.messages), self._encoded)
        self._groups[key] = _Group()


@dataclass(slots=True)
class _Group:
    """Messages of a kind that wait to be encoded."""

    messages: list[Message] = field(default_factory=list)
    rows: int = 0


def _check_text(values: NDArray[np.bytes_]) -> None:
    raw = np.ascontiguousarray(values).view(np.uint8)
    if raw.size and raw.max() >= 0x80:
        try:
            for value in values.tolist():
                value.decode()
        except UnicodeDecodeError as error:
            raise UnreadableMessage(f"trade_id: {error}") from error
    if np.count_nonzero(raw) != int(np.char.str_len(values).sum()):
        raise UnreadableMessage("trade_id: a NUL within the text")


def _joined(messages: list[Message]) -> Message:
    first = messages[0]
    if len(messages) == 1:
        return first
    entry = first_type_of(type(first))
    values = {name: getattr(first, name) for name in entry.fields}
    for name, _ in entry.columns:
        values[name] = np.concatenate([getattr(message, name) for message in messages])
    return entry.cls(**values)


def _add(changes: Changes, table: str, columns: dict[str, Cells]) -> None:
    cells = list(columns.values())
    changes.add_binary(table, tuple(columns), binary.rows_bytes(cells), len(cells[0].data))


def _trades(session: str, batch: TradeBatch, changes: Changes) -> None:
    rows = len(batch.ts_init)
    _add(
        changes,
        "trades",
        {
            "session": binary.constant_text(session, rows),
            "instrument": binary.constant_text(batch.instrument, rows),
            "ts": binary.bigint(batch.ts_init),
            "ts_event": binary.bigint(batch.ts_event),
            "price": binary.numeric(batch.price, batch.price_scale),
            "size": binary.numeric(batch.size, batch.size_scale),
            "side": binary.choice(batch.side, _AGGRESSORS),
            "flags": binary.smallint(batch.flags),
            "trade_id": binary.text(batch.trade_id),
            "source": binary.constant_text(batch.source, rows),
        },
    )


def _quotes(session: str, batch: QuoteBatch, changes: Changes) -> None:
    rows = len(batch.ts_init)
    _add(
        changes,
        "quotes",
        {
            "session": binary.constant_text(session, rows),
            "instrument": binary.constant_text(batch.instrument, rows),
            "ts": binary.bigint(batch.ts_init),
            "ts_event": binary.bigint(batch.ts_event),
            "bid": binary.numeric(batch.bid, batch.price_scale),
            "ask": binary.numeric(batch.ask, batch.price_scale),
            "bid_size": binary.numeric(batch.bid_size, batch.size_scale, null=batch.bid_size == 0),
            "ask_size": binary.numeric(batch.ask_size, batch.size_scale, null=batch.ask_size == 0),
            "flags": binary.smallint(batch.flags),
            "source": binary.constant_text(batch.source, rows),
        },
    )


def _book(session: str, batch: BookBatch, changes: Changes) -> None:
    rows = len(batch.ts_init)
    _add(
        changes,
        "book_changes",
        {
            "session": binary.constant_text(session, rows),
            "instrument": binary.constant_text(batch.instrument, rows),
            "ts": binary.bigint(batch.ts_init),
            "ts_event": binary.bigint(batch.ts_event),
            "action": binary.choice(batch.action, _BOOK_ACTIONS),
            "side": binary.choice(batch.side, _BOOK_SIDES),
            "price": binary.numeric(batch.price, batch.price_scale),
            "size": binary.numeric(batch.size, batch.size_scale),
            "first_update_id": binary.bigint(batch.first_update_id),
            "last_update_id": binary.bigint(batch.last_update_id),
            "source": binary.constant_text(batch.source, rows),
        },
    )


def _bars(session: str, batch: BarBatch, changes: Changes) -> None:
    _add(changes, "bars", _bar_columns(session, batch, batch.ts_event, batch.ts_init, batch.source))


def _feature_bars(session: str, batch: FeatureBars, changes: Changes) -> None:
    """Bars as features saw or built them, and the values of the features at their end."""
    # Names of sources have no such prefix: what features computed is told from what a source delivered.
    columns = _bar_columns(session, batch, batch.ts, batch.ts, f"features.{batch.source}")
    _add(changes, "bars", columns)
    interval = binary.constant_bigint(batch.interval, len(batch.ts))
    _features(session, batch, "bar", interval, changes)


def _feature_rows(session: str, batch: FeatureRows, changes: Changes) -> None:
    _features(session, batch, batch.trigger, binary.constant(None, len(batch.ts)), changes)


def _features(
    session: str, batch: FeatureBars | FeatureRows, trigger: str, interval: Cells, changes: Changes
) -> None:
    if not batch.names:
        return
    rows = len(batch.ts)
    _add(
        changes,
        "features",
        {
            "session": binary.constant_text(session, rows),
            "instrument": binary.constant_text(batch.instrument, rows),
            "ts": binary.bigint(batch.ts),
            "trigger": binary.constant_text(trigger, rows),
            "interval": interval,
            "set_version": binary.constant_text(batch.set_version, rows),
            "names": binary.constant_text_array([text(name) for name in batch.names], rows),
            "values": binary.float8_array(batch.values),
        },
    )


def _bar_columns(
    session: str,
    batch: BarBatch | FeatureBars,
    ts: NDArray[np.int64],
    ts_init: NDArray[np.int64],
    source: str,
) -> dict[str, Cells]:
    rows = len(ts)
    return {
        "session": binary.constant_text(session, rows),
        "instrument": binary.constant_text(batch.instrument, rows),
        "interval": binary.constant_bigint(batch.interval, rows),
        "ts": binary.bigint(ts),
        "ts_init": binary.bigint(ts_init),
        "open": binary.numeric(batch.open, batch.price_scale),
        "high": binary.numeric(batch.high, batch.price_scale),
        "low": binary.numeric(batch.low, batch.price_scale),
        "close": binary.numeric(batch.close, batch.price_scale),
        "volume": binary.numeric(batch.volume, batch.size_scale),
        "trades": binary.bigint(batch.trades, null=batch.trades < 0),
        "vwap": binary.float8(batch.vwap),
        "flags": binary.smallint(batch.flags),
        "source": binary.constant_text(source, rows),
        "hash": binary.blob(_bar_hashes(batch, ts)),
    }


def _bar_hashes(batch: BarBatch | FeatureBars, ts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Eight bytes per bar that identify instrument, interval, end, prices and volume at their scales."""
    head = f"{batch.instrument}/{batch.interval}/{batch.price_scale}/{batch.size_scale}/".encode()
    content = np.stack([ts, batch.open, batch.high, batch.low, batch.close, batch.volume], axis=1)
    raw = np.ascontiguousarray(content, "<i8").tobytes()
    width = len(raw) // len(ts)
    digests = (
        blake2b(head + raw[start : start + width], digest_size=_HASH_BYTES).digest()
        for start in range(0, len(raw), width)
    )
    return np.frombuffer(b"".join(digests), np.uint8).reshape(len(ts), _HASH_BYTES)


ENCODERS: dict[type, Callable[[str, Any, Changes], None]] = {
    TradeBatch: _trades,
    QuoteBatch: _quotes,
    BookBatch: _book,
    BarBatch: _bars,
    FeatureBars: _feature_bars,
    FeatureRows: _feature_rows,
}
