"""Market hours onto the log: scheduled statuses, from the calendars that instruments name and their expiries.

Only here is a calendar looked at. What it says of a session's window becomes messages, so a recording is
replayed with the hours that it had, whatever a later release of the calendars knows better.
"""

import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.types import MarketStatus
from penstock_kernel.grid import NS_PER_DAY, NS_PER_SECOND

from penstock_ingest.errors import DefinitionError
from penstock_ingest.events import EventFeed, feed_of
from penstock_ingest.feed import Feed

AHEAD = 8
"""Changes that a status announces: two days with a break each."""
_AHEAD_NS = 14 * NS_PER_DAY
"""How far ahead: the same wherever a session's data ends, as the calendar is read farther than that."""
_MARGIN_NS = 2 * _AHEAD_NS
"""Around the window: longer than any market is closed for holidays."""
_HORIZON_NS = 3 * 366 * NS_PER_DAY
"""Of sources that have no end: so far their hours are known, and from there on nothing trades."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the schedule says from a time on."""

    ts: int
    open: bool
    day: str = ""
    day_end: int | None = None
    reason: str = ""
    ahead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a calendar, times in ns."""

    day: str
    open: int
    close: int
    break_start: int | None = None
    break_end: int | None = None


def with_hours(feeds: Sequence[Feed], start: int) -> list[Feed]:
    """The feeds, and one of scheduled statuses for each instrument that has a schedule and no such feed yet.

    DefinitionError for a calendar that nobody knows.
    """
    last = [ts for feed in feeds if feed.makes is not None and (ts := feed.last_time()) is not None]
    endless = any(feed.makes is not None and feed.last_time() is None for feed in feeds)
    end = None if endless else max(last, default=start)
    names = {feed.name for feed in feeds}
    made = hours_feeds((feed.instrument for feed in feeds), start, end)
    return [*feeds, *(each for each in made if each.name not in names)]


def hours_feeds(instruments: Iterable[Instrument], start: int, end: int | None) -> list[EventFeed]:
    """A feed of scheduled statuses for each of these instruments that has a calendar or an expiry.

    From `start`, when the first one says how things are, to `end` (None: as far as anybody plans).
    """
    feeds = []
    for instrument in {each.instrument: each for each in instruments}.values():
        changes = changes_of(instrument, start, start + _HORIZON_NS if end is None else end)
        if changes:
            events: list[tuple[int, Message | None]] = [
                (each.ts, _status(instrument, each)) for each in changes
            ]
            feeds.append(EventFeed(feed_of(events[0][1]) or "", instrument, events))
    return feeds


def check_calendars(instruments: Iterable[Instrument]) -> None:
    """DefinitionError for a calendar that nobody knows."""
    for instrument in instruments:
        if instrument.calendar is not None:
            _sessions(instrument, 0, 0)


def changes_of(instrument: Instrument, start: int, end: int) -> list[Change]:
    """What is said in (start, end]: first how it is right after `start`, then every change."""
    known: list[Change] = []
    if instrument.calendar is not None:
        known = _changes(_sessions(instrument, start - _MARGIN_NS, end + _MARGIN_NS), instrument.calendar)
    if instrument.expiry is not None:
        known = [each for each in known if each.ts < (instrument.expiry or 0)]
        last = known[-1] if known else Change(0, True)
        known.append(replace(last, ts=instrument.expiry, open=False, reason="expired"))
    flips = [each.ts for before, each in pairwise(known) if before.open != each.open]
    first = next((at for at, each in enumerate(known) if each.ts > start), len(known))
    said = [replace(each, ahead=_ahead(flips, each.ts)) for each in known]
    at_start = [replace(said[first - 1], ts=start + 1)] if first else []
    return [*at_start, *(each for each in said[first:] if start + 1 < each.ts <= end)]


def _ahead(flips: list[int], ts: int) -> tuple[int, ...]:
    """The next changes after `ts`."""
    first = bisect_right(flips, ts)
    return tuple(each for each in flips[first : first + AHEAD] if each <= ts + _AHEAD_NS)


def _changes(sessions: Sequence[Session], calendar: str) -> list[Change]:
    """Opens and closes in order; a session that begins as the last one ends is a change of day alone."""
    changes: list[Change] = []
    for each in sessions:
        if changes and changes[-1].ts == each.open:
            changes.pop()
        title = f"{calendar}: session of {each.day}"
        changes.append(Change(each.open, True, each.day, each.close, title))
        if each.break_start is not None and each.break_end is not None:
            changes.append(Change(each.break_start, False, each.day, each.close, f"{calendar}: break"))
            changes.append(Change(each.break_end, True, each.day, each.close, title))
        changes.append(Change(each.close, False, each.day, each.close, f"{calendar}: closed"))
    return changes


def _status(instrument: Instrument, change: Change) -> InstrumentStatus:
    return InstrumentStatus(
        instrument=instrument.instrument,
        ts_event=change.ts,
        ts_init=change.ts,
        status=MarketStatus.TRADING if change.open else MarketStatus.CLOSED,
        reason=change.reason,
        scheduled=True,
        day=change.day,
        day_end=change.day_end,
        ahead=change.ahead,
    )


def _sessions(instrument: Instrument, first: int, last: int) -> Sequence[Session]:
    assert instrument.calendar is not None
    try:
        return sessions_of(instrument.calendar, _date(first), _date(last))
    except ValueError as error:
        raise DefinitionError(f"{instrument.instrument}.calendar: {error}") from None


def _date(ns: int) -> str:
    return f"{datetime.fromtimestamp(max(ns, 0) // NS_PER_SECOND, UTC):%Y-%m-%d}"


@lru_cache(maxsize=32)
def sessions_of(calendar: str, first: str, last: str) -> tuple[Session, ...]:
    """The sessions of a calendar between two dates. ValueError for one that nobody knows, or not so far."""
    # It brings pandas along: only who names a calendar pays for that.
    from exchange_calendars import get_calendar, get_calendar_names  # noqa: PLC0415

    names = get_calendar_names(include_aliases=True)
    if calendar not in names:
        near = ", ".join(get_close_matches(calendar.upper(), names, 3)) or "XNYS, CMES, XLON, 24/7"
        raise ValueError(f"no calendar is named {calendar!r}; there are {near} and others")
    if first == last:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # between the two libraries, and none of a user's
        known = get_calendar(calendar, start=first, end=last)
    return tuple(
        Session(f"{day:%Y-%m-%d}", opened, closed, begins, ends)
        for day, opened, closed, begins, ends in zip(
            known.sessions,
            _times(known.opens_nanos),
            _times(known.closes_nanos),
            _times(known.break_starts_nanos),
            _times(known.break_ends_nanos),
            strict=True,
        )
    )


def _times(nanos: Iterable[int]) -> list[Any]:
    """Times in ns, None where there is none."""
    return [int(each) if each >= 0 else None for each in nanos]
