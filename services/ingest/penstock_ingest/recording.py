"""The market data of an earlier session as a source: the same rows at the same times, from feeds of the same
names in the same order.

A recording is a file: a line of JSON, then each market message as it was on the log::

    uint16 LE  length of the subject      uint32 LE  length of the body      subject, body
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from penstock_contracts import codec, subjects
from penstock_contracts.base import Message, first_type_of
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import InstrumentDefined, Rate
from penstock_contracts.types import Ns
from pydantic import BaseModel, ConfigDict, ValidationError

from penstock_ingest.errors import FileError, FileMissing
from penstock_ingest.events import EventFeed, feed_of
from penstock_ingest.feed import Feed, TableFeed
from penstock_ingest.table import BATCHES, Table

_LENGTHS = struct.Struct("<HI")
_MEND = "record it again: name the session, as in recording:SESSION"
KINDS = frozenset(
    {"trade", "quote", "book", "bar", "liquidation", "funding", "rate", "instrument", "status", "gap"}
)
"""Of the market family: what a recording holds."""


class RecordingHeader(BaseModel):
    """What a recording says of its session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    recording: int = 1
    """Version of the format."""
    session: str
    grid: Ns
    start: Ns
    end: Ns
    """The last mark before its data was over."""
    feeds: tuple[str, ...]
    """In the order in which rows of the same time come."""


def write_recording(file: Path, header: RecordingHeader, messages: Iterable[tuple[str, bytes]]) -> None:
    """Write (subject, body) of market messages; the file appears when it is whole."""
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("wb") as out:
        out.write(header.model_dump_json().encode() + b"\n")
        for subject, body in messages:
            name = subject.encode()
            out.write(_LENGTHS.pack(len(name), len(body)) + name + body)
    unfinished.replace(file)


def recording_feeds(file: Path, batch_rows: int) -> list[Feed]:
    """The feeds of a recording. FileError when it is none."""
    header, messages = _read(file)
    instruments: dict[str, Instrument] = {}
    by_feed: dict[str, list[Message]] = {name: [] for name in header.feeds}
    for message in messages:
        name = feed_of(message)
        if isinstance(message, InstrumentDefined) and message.instrument.instrument not in instruments:
            instruments[message.instrument.instrument] = message.instrument
        elif name in by_feed:
            by_feed[name].append(message)
        elif name is not None:  # a feed of bars tells its gaps itself
            raise FileError(file, f"a {type(message).__name__} of no feed", _MEND)
    if not instruments:
        raise FileError(file, "no instrument in it", _MEND)
    feeds = [_feed(name, mine, instruments, batch_rows) for name, mine in by_feed.items() if mine]
    first = instruments[min(instruments)]
    return [*feeds, RecordingEnd(header, first)]


class RecordingEnd(EventFeed):
    """Keeps the session open to where the recorded data was over, and its marks where they were."""

    def __init__(self, header: RecordingHeader, instrument: Instrument) -> None:
        super().__init__("recording-end", instrument, [(header.end, None)])
        self.grid = header.grid
        self.start = header.start

    @property
    def released(self) -> int:
        return 0  # a time is no row


def _read(file: Path) -> tuple[RecordingHeader, Iterator[Message]]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FileMissing(file, f"cannot be read ({error.strerror})", "check path and permissions") from None
    line, _, _ = data.partition(b"\n")
    try:
        header = RecordingHeader.model_validate_json(line)
    except ValidationError:
        raise FileError(file, "not a recording", _MEND) from None
    return header, _messages(file, data, len(line) + 1)


def _messages(file: Path, data: bytes, at: int) -> Iterator[Message]:
    number = 0
    while at < len(data):
        number += 1
        try:
            message, at = _message(data, at)
        except (struct.error, UnicodeDecodeError, UnreadableMessage) as error:
            raise FileError(file, f"message {number} is not readable ({error})", _MEND) from None
        yield message


def _message(data: bytes, at: int) -> tuple[Message, int]:
    """The message at a place, and the place after it."""
    name_length, length = _LENGTHS.unpack_from(data, at)
    begin = at + _LENGTHS.size + name_length
    end = begin + length
    subject = subjects.parse(data[at + _LENGTHS.size : begin].decode())
    if subject is None or end > len(data):
        raise UnreadableMessage("cut off")
    return codec.decode(subject.family, subject.kind, subject.major, data[begin:end]), end


def _feed(name: str, messages: list[Message], instruments: dict[str, Instrument], batch_rows: int) -> Feed:
    batches = [each for each in messages if isinstance(each, BATCHES)]
    if batches:
        table = _table(batches)
        nothing = np.zeros(0, dtype=np.int64)
        return TableFeed(name, instruments[batches[0].instrument], table, nothing, batch_rows)
    events: list[tuple[int, Message | None]] = [(each.ts_init, each) for each in messages]
    return EventFeed(name, _instrument(messages[0], instruments), events)


def _instrument(message: Message, instruments: dict[str, Instrument]) -> Instrument:
    """Whose data an event comes with: its own, or of a rate an instrument that it may convert."""
    key = subjects.key_of(message)
    if key is not None and key in instruments:
        return instruments[key]
    ordered = [instruments[name] for name in sorted(instruments)]
    if isinstance(message, Rate):
        currencies = (message.base, message.quote)
        return next((each for each in ordered if each.settlement in currencies), ordered[0])
    return ordered[0]


def _table(batches: list[Any]) -> Table:
    """All batches of a feed as one table, at the finest of their scales."""
    entry = first_type_of(type(batches[0]))
    plain = {name: getattr(batches[0], name) for name in entry.fields if name not in ("instrument", "source")}
    scales = {name: max(getattr(each, name) for each in batches) for name in ("price_scale", "size_scale")}
    columns = {
        name: np.concatenate([_column(each, name, scales) for each in batches]) for name, _ in entry.columns
    }
    nothing = np.zeros(0, dtype=np.int64)
    return Table(entry.cls, plain | scales, columns, nothing, nothing.astype(np.int8), nothing)


_SIZES = frozenset({"size", "bid_size", "ask_size", "volume"})
_PRICES = frozenset({"price", "bid", "ask", "open", "high", "low", "close"})


def _column(batch: Any, name: str, scales: dict[str, int]) -> Any:
    column = getattr(batch, name)
    for names, scale in ((_PRICES, "price_scale"), (_SIZES, "size_scale")):
        if name in names and getattr(batch, scale) != scales[scale]:
            return column * 10 ** (scales[scale] - getattr(batch, scale))
    return column
