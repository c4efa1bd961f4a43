"""Feeds of the parts of files; the parts of one instrument are defined, and their books judged, together."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Gap
from penstock_contracts.subjects import instrument_key

from penstock_ingest.chain import Loss
from penstock_ingest.errors import FileError
from penstock_ingest.events import EventFeed, feed_of
from penstock_ingest.feed import Feed, TableFeed
from penstock_ingest.files.happenings import EventRows, events_of
from penstock_ingest.files.read import BookRows, FileRows, Part, judge_book
from penstock_ingest.instruments import REPLAY, Definition, define, definition_for, infer
from penstock_ingest.names import Named, called, from_file, from_symbol
from penstock_ingest.table import Rules

Placed = tuple[int, FileRows | BookRows]
"""Rows, and the place of their source in the configuration."""


_NAMED_MAX = 3
"""Definitions that a message names."""


class _Group(NamedTuple):
    """What is said of one instrument."""

    named: Named
    definition: Definition | None
    parts: list[Placed]


def file_feeds(
    parts: Sequence[tuple[int, Part]], definitions: Sequence[Definition], rules: Rules, batch_rows: int
) -> list[tuple[int, Feed]]:
    """A feed for each part of a file, all book files of an instrument being one."""
    groups: dict[str, _Group] = {}
    events: list[tuple[int, str, EventRows]] = []
    for at, rows in parts:
        named = from_file(rows.file) if rows.symbol is None else from_symbol(rows.symbol)
        key = instrument_key(named.symbol, REPLAY)
        definition = definition_for(definitions, key, rows.file if rows.symbol is None else None)
        if definition is not None and definition.instrument != key:
            key = definition.instrument
            named = called(named, key)
        if isinstance(rows, EventRows):
            events.append((at, key, rows))
        else:
            groups.setdefault(key, _Group(named, definition, [])).parts.append((at, rows))
    feeds: list[tuple[int, Feed]] = []
    instruments: dict[str, Instrument] = {}
    spare = [each.instrument for each in definitions if each.instrument not in groups]
    for key, group in groups.items():
        judged = _judged(group.parts, rules)
        instruments[key] = instrument = _defined(group, [rows for _, rows in judged], spare)
        for at, rows in judged:
            name = _feed_name(len(feeds) + 1, rows)
            if rows.losses:
                feeds.append((at, _gap_feed(name, instrument, rows.losses)))
            feed = TableFeed(name, instrument, rows.table, rows.row_numbers, batch_rows)
            feeds.append((at, feed))
    for at, key, happened in events:
        feeds.append(
            (at, _event_feed(len(feeds) + 1, happened, key, instruments, [each for _, each in feeds]))
        )
    return feeds


def _event_feed(
    number: int, rows: EventRows, key: str, instruments: dict[str, Instrument], others: Sequence[Feed]
) -> EventFeed:
    instrument = instruments.get(key)
    if rows.kind == "rate" and instruments:
        instrument = _converted(rows, instruments)
    if instrument is None:
        mend = "give its trades, quotes, book or bars too"
        raise FileError(rows.file, f"{rows.kind} of {key}, of which no source has prices", mend)
    events = events_of(rows, _feed_name(number, rows), instrument)
    name = feed_of(events.messages[0][1]) or _feed_name(number, rows)
    if any(feed.name == name for feed in others):
        raise FileError(rows.file, f"{rows.kind} of {key} a second time", "give one file of it")
    for _, bad in events.bad:
        bad.feed = name
    return EventFeed(name, instrument, events.messages, events.bad)


def _converted(rows: EventRows, instruments: dict[str, Instrument]) -> Instrument:
    """The instrument that the rates come with: one that is settled in a currency of them, else the first."""
    currencies = {row.get(side, "").upper() for row in rows.rows for side in ("base", "quote")}
    ordered = [instruments[key] for key in sorted(instruments)]
    return next((each for each in ordered if each.settlement in currencies), ordered[0])


def _judged(parts: list[Placed], rules: Rules) -> list[tuple[int, FileRows]]:
    """The parts with the book files as one, in the place of the first of them."""
    judged: list[tuple[int, FileRows]] = []
    books = [rows for _, rows in parts if isinstance(rows, BookRows)]
    for at, rows in parts:
        if isinstance(rows, FileRows):
            judged.append((at, rows))
        elif rows is books[0]:
            judged.append((at, judge_book(books, rules)))
    return judged


def _defined(group: _Group, parts: Sequence[FileRows], spare: Sequence[str]) -> Instrument:
    """The instrument; one that nobody defined says so where `spare` definitions are of nothing."""
    notes = [note for rows in parts for note in rows.assumptions]
    values, texts = infer(group.named, REPLAY, [rows.table for rows in parts], notes)
    if group.definition is None and spare:
        few = ", ".join(spare[:_NAMED_MAX]) + (", …" if len(spare) > _NAMED_MAX else "")
        missing = f"not defined: {few} is of no file; `files` of a definition names those that hold it"
        texts = {"definition": missing, **texts}
    instrument = define(group.definition, values, texts)
    if group.definition is not None and group.definition.values.get("tick_size") is not None:
        _flag_off_tick(instrument, parts)
    return instrument


def _gap_feed(called: str, instrument: Instrument, losses: Sequence[Loss]) -> EventFeed:
    # Before the book's own feed: at equal times the gap comes first, and what follows is not believed.
    name = f"{called[:75]}-gaps"
    gaps: list[tuple[int, Message | None]] = [
        (
            loss.ts,
            Gap(
                instrument=instrument.instrument,
                source=name,
                ts_init=loss.ts,
                ts_from=loss.ts_from,
                ts_to=loss.ts,
                reason=loss.why,
                book=True,
            ),
        )
        for loss in losses
    ]
    return EventFeed(name, instrument, gaps)


def _feed_name(number: int, rows: FileRows | EventRows) -> str:
    """A name that messages can carry: the number keeps two files of the same name apart."""
    parts = [str(number), rows.file.name, *([] if rows.symbol is None else [rows.symbol])]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(parts))[:80]


def _flag_off_tick(instrument: Instrument, parts: Sequence[FileRows]) -> None:
    """Flag trades and quotes off a tick that was defined; bars and books are not checked against it."""
    assert instrument.tick_size is not None
    digits = instrument.tick_size.normalize().as_tuple()
    scale = max(0, -int(digits.exponent))
    units = int(instrument.tick_size.scaleb(scale))
    for rows in parts:
        if rows.kind in ("trade", "quote"):
            rows.table.flag_off_tick(units, scale)
