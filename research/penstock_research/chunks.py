"""History cut into chunks: what each instrument has in a stretch of intervals, to be run ahead of.

A chunk ends on a grid point, so no interval is ever split between two. What is not a column of rows (a
status, a rate, a new definition) changes what others see from its interval on: that interval is a chunk
of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.base import Message
from penstock_contracts.batch import between, part_of
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, BookBatch, Gap, InstrumentDefined, QuoteBatch, TradeBatch
from penstock_contracts.types import NEVER
from penstock_kernel.grid import grid_at_or_after

Ints = NDArray[np.int64]
Batch = TradeBatch | QuoteBatch | BarBatch | BookBatch
FeatureMessage = FeatureBars | FeatureRows
BATCHES = (TradeBatch, QuoteBatch, BarBatch, BookBatch)

CHUNK_ROWS = 65_536
"""About so many rows are run ahead of at once: enough to make columns pay, little enough to keep."""
_SPAN_INTERVALS = 4096
_GROWTH_MAX = 8


@dataclass(slots=True)
class Chunk:
    """The market data of the intervals in (start, end], instrument by instrument, each in time order."""

    start: int
    end: int
    lines: dict[str, list[Message]]
    alone: bool = False
    """One interval with something that is not a column of rows."""

    @property
    def messages(self) -> list[Message]:
        """All of it, in the order in which one interval would have it."""
        return [message for line in self.lines.values() for message in line]


class Rows(Protocol):
    """The part of a feed that a backtest needs."""

    instrument: Instrument

    def next_time(self) -> int | None:
        """Event time of the next row; None when there is none."""
        ...

    def columns(self, until: int | None = None) -> Iterator[Message]:
        """The rows up to `until`, all when None, in batches."""
        ...


class BatchFeed:
    """Rows that are in memory already: batches, and gaps between them."""

    def __init__(self, instrument: Instrument, messages: Sequence[Message]) -> None:
        self.instrument = instrument
        self._messages = [message for message in messages if _rows(message)]
        self._times = [_times(message) for message in self._messages]
        self._at = self._row = 0

    def next_time(self) -> int | None:
        """See `Rows`."""
        return int(self._times[self._at][self._row]) if self._at < len(self._messages) else None

    def last_time(self) -> int | None:
        """Event time of its last row; None when it has none."""
        return int(self._times[-1][-1]) if self._times else None

    def columns(self, until: int | None = None) -> Iterator[Message]:
        """See `Rows`."""
        while self._at < len(self._messages):
            message, times, first = self._messages[self._at], self._times[self._at], self._row
            stop = len(times) if until is None else int(np.searchsorted(times, until, side="right"))
            if stop > first:
                self._row = stop
                yield between(message, first, stop)
            if stop < len(times):
                return
            self._at, self._row = self._at + 1, 0


class Chunks:
    """Reads the feeds of a session chunk by chunk, up to `until` ns where that is not None."""

    def __init__(self, feeds: Sequence[Rows], grid: int, start: int, until: int | None = None) -> None:
        keys = sorted({feed.instrument.instrument for feed in feeds})
        self._lines = {key: [feed for feed in feeds if feed.instrument.instrument == key] for key in keys}
        self._grid = grid
        self._mark = start
        self._until = NEVER if until is None else until
        self._span = grid * _SPAN_INTERVALS
        self.rows = 0
        """Rows and single messages read so far."""

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks without a hole between them, from the start to the end of the data."""
        first = self._mark + self._grid
        defined: list[Message] = [
            InstrumentDefined(instrument=feeds[0].instrument, ts_event=self._mark + 1, ts_init=self._mark + 1)
            for feeds in self._lines.values()
        ]
        chunk = self._read(first)
        # The definitions come before everything else of the first interval.
        chunk.lines = {"": defined, **chunk.lines}
        chunk.alone = True
        yield chunk
        while (due := self._next()) is not None and self._mark < grid_at_or_after(self._until, self._grid):
            chunk = self._read(max(self._mark + self._span, grid_at_or_after(due, self._grid)))
            yield from _singled_out(chunk, self._grid)

    def _next(self) -> int | None:
        times = (feed.next_time() for feeds in self._lines.values() for feed in feeds)
        return min((ts for ts in times if ts is not None), default=None)

    def _read(self, end: int) -> Chunk:
        end = min(end, grid_at_or_after(self._until, self._grid))
        start, limit = self._mark, min(end, self._until)
        lines = {key: _up_to(feeds, limit) for key, feeds in self._lines.items()}
        rows = sum(_rows(message) for line in lines.values() for message in line)
        if self._next() is None:  # the data is over with its last row, not with the chunk
            last = max((_last_time(line[-1]) for line in lines.values() if line), default=start + 1)
            end = max(grid_at_or_after(last, self._grid), start + self._grid)
        self.rows += rows
        self._span = _fitted(self._span, rows, self._grid)
        self._mark = end
        return Chunk(start, end, lines)


def _fitted(span: int, rows: int, grid: int) -> int:
    """The span that would have had about `CHUNK_ROWS` rows, approached in steps."""
    factor = CHUNK_ROWS / rows if rows else _GROWTH_MAX
    wanted = int(span * min(max(factor, 1 / _GROWTH_MAX), _GROWTH_MAX))
    return grid_at_or_after(max(wanted, grid), grid)


def _up_to(feeds: Sequence[Rows], until: int) -> list[Message]:
    """All rows of an instrument up to `until`: by event time, then by the order of its feeds."""
    if len(feeds) == 1:
        return list(feeds[0].columns(until))
    messages: list[Message] = []
    while True:
        times = [feed.next_time() for feed in feeds]
        due = [(ts, at) for at, ts in enumerate(times) if ts is not None and ts <= until]
        if not due:
            return messages
        first = min(due)[1]
        # A feed may run until another's next row; the earlier feed goes first at the same time.
        bounds = [ts - (at < first) for at, ts in enumerate(times) if at != first and ts is not None]
        messages += feeds[first].columns(min([until, *bounds]))


def _rows(message: Message) -> int:
    return len(message.ts_init) if isinstance(message, BATCHES) else 1


def _times(message: Message) -> Ints:
    if isinstance(message, BATCHES):
        return message.ts_init
    return np.array([_last_time(message)], dtype=np.int64)


def _last_time(message: Message) -> int:
    if isinstance(message, BATCHES):
        return int(message.ts_init[-1])
    return cast(int, message.ts_init)


def _singled_out(chunk: Chunk, grid: int) -> Iterator[Chunk]:
    """The chunk, cut before and after each interval in which something is not a column of rows."""
    marks = sorted(
        {
            grid_at_or_after(_last_time(message), grid)
            for message in chunk.messages
            if not isinstance(message, (*BATCHES, Gap))
        }
    )
    start = chunk.start
    for mark in marks:
        if mark - grid > start:
            yield _part(chunk, start, mark - grid)
        yield _part(chunk, mark - grid, mark, alone=True)
        start = mark
    if not marks:
        yield chunk
    elif start < chunk.end:
        yield _part(chunk, start, chunk.end)


def _part(chunk: Chunk, start: int, end: int, *, alone: bool = False) -> Chunk:
    lines = {key: list(within(line, start, end)) for key, line in chunk.lines.items()}
    return Chunk(start, end, lines, alone)


def within(messages: Iterable[Message], start: int, end: int) -> Iterator[Message]:
    """What of some messages lies in (start, end]."""
    for message in messages:
        if isinstance(message, BATCHES):
            batch = message
            first, last = np.searchsorted(batch.ts_init, (start, end), side="right").tolist()
            if last > first:
                yield part_of(batch, first, last)
        elif start < _last_time(message) <= end:
            yield message


class Places:
    """Marks that never go back, and where the intervals up to one of them end."""

    __slots__ = ("_marks", "_view", "rows")

    def __init__(self, marks: Ints) -> None:
        self._marks = marks
        self._view = memoryview(marks)  # type: ignore[arg-type]  # an array has a buffer
        self.rows = len(marks)

    def __getitem__(self, row: int) -> int:
        mark: int = self._view[row]
        return mark

    def until(self, mark: int, start: int) -> int:
        """The first row from `start` on that is beyond `mark`."""
        rows, view = self.rows, self._view
        if start >= rows or view[start] > mark:
            return start
        # Most often one row, or none: the search is for stretches.
        if start + 1 == rows or view[start + 1] > mark:
            return start + 1
        return int(self._marks.searchsorted(mark, "right"))


class Tape:
    """The messages of one instrument in a chunk, and how far execution has come."""

    __slots__ = ("_at", "_last", "_marks", "_messages", "_place", "_places", "_row")

    def __init__(self, messages: Sequence[Message], grid: int) -> None:
        marks = [(message, marks_of(message, grid)) for message in messages]
        self._messages = [message for message, found in marks if len(found)]
        self._marks = [found for _, found in marks if len(found)]
        self._places = [Places(found) for found in self._marks]
        self._at = self._row = 0
        self._last = len(self._messages)
        self._place = self._places[0] if self._places else None

    def before(self, mark: int) -> Iterator[tuple[Message, int, int, Places]]:
        """Rows not taken yet of the intervals before `mark`: message, begin, end, marks. Takes nothing."""
        row, before = self._row, mark - 1
        for at in range(self._at, self._last):
            place = self._places[at]
            stop = place.until(before, row)
            if stop > row:
                yield self._messages[at], row, stop, place
            if stop < place.rows:
                return
            row = 0

    def take(self, mark: int) -> Sequence[tuple[Message, int, int]]:
        """Rows not taken yet of the intervals up to `mark`: message, begin, end."""
        place = self._place
        if place is None:
            return ()
        stop = place.until(mark, self._row)
        if stop == self._row:
            return ()
        found = []
        while True:
            row, self._row = self._row, stop
            if stop > row:
                found.append((self._messages[self._at], row, stop))
            if stop < place.rows:
                return found
            self._at += 1
            self._row = 0
            self._place = place = self._places[self._at] if self._at < self._last else None
            if place is None:
                return found
            stop = place.until(mark, 0)

    def next_mark(self) -> int | None:
        """The mark of the next row that was not taken yet; None when all were."""
        return None if self._place is None else self._place[self._row]

    @property
    def bars(self) -> Ints:
        """The marks of all its bars."""
        found = [
            marks
            for message, marks in zip(self._messages, self._marks, strict=True)
            if isinstance(message, BarBatch)
        ]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def marks_of(message: Message, grid: int) -> Ints:
    """The mark that closes each row's interval; of a single message its own."""
    if isinstance(message, BATCHES):
        times: Ints = message.ts_init
        return -(-times // grid) * grid
    return np.array([grid_at_or_after(_last_time(message), grid)], dtype=np.int64)
