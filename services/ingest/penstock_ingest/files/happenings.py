"""Files of single events: funding, rates, status, liquidations, changes of instruments. A message each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from penstock_contracts.base import Message
from penstock_contracts.codec import adapter
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Funding, InstrumentDefined, InstrumentStatus, Liquidation, Rate
from penstock_contracts.types import MarketStatus, Side
from pydantic import ValidationError

from penstock_ingest.errors import FileError
from penstock_ingest.files.layout import INSTRUMENT_FIELDS, EventKind
from penstock_ingest.quarantine import SAMPLES_MAX, QuarantinedRow, Reason
from penstock_ingest.scale import Ints

Row = dict[str, str]
"""Texts of one row by meaning; what is empty is not there."""
_SIDES = {
    "buy": Side.BUY,
    "b": Side.BUY,
    "long": Side.BUY,
    "sell": Side.SELL,
    "s": Side.SELL,
    "short": Side.SELL,
}
_STATUS = {each.value: each for each in MarketStatus} | {
    "open": MarketStatus.TRADING,
    "halt": MarketStatus.HALTED,
}


@dataclass(slots=True)
class EventRows:
    """The rows of one kind and symbol of a file, not judged: that takes the instrument that they are of."""

    file: Path
    kind: EventKind
    symbol: str | None
    ts: Ints
    rows: list[Row]
    numbers: list[int]
    assumptions: tuple[str, ...]


@dataclass(slots=True)
class Events:
    """Messages by time, and the quarantined rows with the number of messages before each."""

    messages: list[tuple[int, Message | None]]
    bad: list[tuple[int, QuarantinedRow]]


class _Bad(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def event_rows(
    file: Path,
    kind: EventKind,
    symbol: str | None,
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    ts: Ints,
    numbers: Ints,
    notes: tuple[str, ...],
) -> EventRows:
    """The texts of a file's columns by meaning."""
    texts = {
        meaning: frame[name].cast(pl.String).fill_null("").str.strip_chars().to_list()
        for meaning, name in columns.items()
        if meaning not in ("ts", "symbol")
    }
    rows = [
        {meaning: values[at] for meaning, values in texts.items() if values[at]} for at in range(len(frame))
    ]
    return EventRows(file, kind, symbol, ts, rows, numbers.tolist(), notes)


class _At(NamedTuple):
    """Where and when a row belongs."""

    source: str
    instrument: Instrument
    ts: int

    @property
    def fields(self) -> dict[str, Any]:
        """Of every message that names its instrument and source."""
        key = self.instrument.instrument
        return {"instrument": key, "source": self.source, "ts_event": self.ts, "ts_init": self.ts}


def events_of(part: EventRows, name: str, instrument: Instrument) -> Events:
    """Judge the rows, and make a message of each good one. FileError when none is."""
    found = Events([], [])
    last = 0
    for ts, row, number in zip(part.ts.tolist(), part.rows, part.numbers, strict=True):
        try:
            message = _message(part.kind, row, _At(name, instrument, ts), last)
        except _Bad as bad:
            text = ",".join(row.values()) if len(found.bad) < SAMPLES_MAX else ""
            kept = QuarantinedRow(name, number, bad.reason.label, text[:500])
            found.bad.append((len(found.messages), kept))
            continue
        last = ts
        if isinstance(message, InstrumentDefined):
            instrument = message.instrument
        found.messages.append((ts, message))
    if not found.messages:
        reason, number = found.bad[0][1].reason, found.bad[0][1].row
        what = f"none of {len(part.rows)} rows is usable, this one for {reason}"
        raise FileError(part.file, what, "check columns and formats", row=number)
    return found


def _message(kind: EventKind, row: Row, at: _At, last: int) -> Message:
    if at.ts < 0:
        raise _Bad(Reason.TIME)
    if at.ts < last:
        raise _Bad(Reason.TIME_BACK)
    return _MAKERS[kind](row, at)


def _funding(row: Row, at: _At) -> Message:
    return _checked(Funding, **at.fields, rate=_decimal(row, "funding_rate"))


def _rate(row: Row, at: _At) -> Message:
    pair = {side: row.get(side, "").upper() for side in ("base", "quote")}
    rate = _positive(row, "rate")
    return _checked(Rate, **pair, source=at.source, ts_event=at.ts, ts_init=at.ts, rate=rate)


def _status(row: Row, at: _At) -> Message:
    status = _STATUS.get(row.get("status", "").lower())
    if status is None:
        raise _Bad(Reason.VALUE)
    key, reason = at.instrument.instrument, row.get("reason", "")[:2000]
    return InstrumentStatus(instrument=key, ts_event=at.ts, ts_init=at.ts, status=status, reason=reason)


def _liquidation(row: Row, at: _At) -> Message:
    side = _SIDES.get(row.get("side", "").lower())
    if side is None:
        raise _Bad(Reason.SIDE)
    price, quantity = _positive(row, "price"), _positive(row, "size", Reason.SIZE_NOT_POSITIVE)
    return _checked(Liquidation, **at.fields, side=side, price=price, quantity=quantity)


def _instrument(row: Row, at: _At) -> Message:
    changed = {meaning: text for meaning, text in row.items() if meaning in INSTRUMENT_FIELDS}
    if not changed:
        raise _Bad(Reason.VALUE)
    known = {each.name: getattr(at.instrument, each.name) for each in fields(Instrument)}
    return InstrumentDefined(
        instrument=_checked(Instrument, **(known | changed)), ts_event=at.ts, ts_init=at.ts
    )


_MAKERS: dict[EventKind, Callable[[Row, _At], Message]] = {
    "funding": _funding,
    "rate": _rate,
    "status": _status,
    "liquidation": _liquidation,
    "instrument": _instrument,
}


def _checked(cls: type, **values: Any) -> Any:
    """The message, its bounds checked."""
    try:
        return adapter(cls).validate_python(values)
    except ValidationError:
        raise _Bad(Reason.VALUE) from None


def _decimal(row: Row, name: str) -> Decimal:
    try:
        value = Decimal(row.get(name, ""))
    except InvalidOperation:
        raise _Bad(Reason.NOT_A_NUMBER) from None
    if value.is_nan():
        raise _Bad(Reason.NOT_A_NUMBER)
    if value.is_infinite():
        raise _Bad(Reason.INFINITE)
    return value


def _positive(row: Row, name: str, reason: Reason = Reason.PRICE_NOT_POSITIVE) -> Decimal:
    value = _decimal(row, name)
    if value <= 0:
        raise _Bad(reason)
    return value
