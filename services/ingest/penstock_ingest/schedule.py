"""What is released when: the feeds merged on the grid of marks. Pure; the clock is the caller's.

The caller releases what is due inside the running interval, in as many steps as it likes, and closes it
at `mark_ts`; however it steps, the same rows come in the same intervals.
"""

from collections.abc import Mapping, Sequence

from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.market import InstrumentDefined, Mark
from penstock_contracts.types import NEVER
from penstock_kernel.grid import grid_before

from penstock_ingest.feed import Feed
from penstock_ingest.line import Line
from penstock_ingest.quarantine import QuarantinedRow


class Schedule:
    """The rows of all feeds in the order in which they go onto the log, and the marks between them."""

    def __init__(self, feeds: Sequence[Feed], grid: int, start: int, duration: int | None = None) -> None:
        """Begin at grid point `start`, before the first datum, and release `duration` ns of it (None: all).

        ValueError for a start off the grid, or not before the first datum.
        """
        if grid <= 0 or start % grid:
            raise ValueError(f"start {start} is no multiple of the grid {grid}")
        self.grid = grid
        self.start = start
        self.mark_ts = start + grid
        """Event time at which the running interval ends."""
        self._last_mark = start
        self._end = NEVER if duration is None else start + duration
        self._feeds = list(feeds)
        lines: dict[str, Line] = {}
        for feed in feeds:
            lines.setdefault(feed.instrument.instrument, Line(feed.instrument)).feeds.append(feed)
        self._lines = {key: lines[key] for key in sorted(lines)}
        if (first := self.next_time) is not None and first <= start:
            raise ValueError(f"start {start} is not before the first datum at {first}")
        self._defined = False
        self._ended = False
        self._touched = False
        """Something of the running interval was released."""
        self._after_end = False
        """The running interval began after everything was released."""

    @property
    def feeds(self) -> list[Feed]:
        """The feeds, in the order of the sources."""
        return list(self._feeds)

    @property
    def next_time(self) -> int | None:
        """Event time of the next row of any feed; None when there is none."""
        earliest: int | None = None
        for line in self._lines.values():
            ts = line.next_time()
            if ts is not None and (earliest is None or ts < earliest):
                earliest = ts
        return earliest

    @property
    def over(self) -> bool:
        """Nothing more will be released: ended, after the duration, or out of data."""
        return bool(self.end_reason)

    @property
    def end_reason(self) -> str:
        """Why nothing more will be released; empty while something will."""
        if self._ended:
            return "stopped"
        if self._last_mark >= self._end:
            return "duration"
        return "end_of_data" if self.next_time is None else ""

    @property
    def planned_end(self) -> int | None:
        """Event time at which it will be over if nobody ends it; None when it would never be."""
        last = [feed.last_time() for feed in self._feeds]
        known = [ts for ts in last if ts is not None]
        data_end = max(known, default=self.start) if len(known) == len(last) else NEVER
        end = min(self._end, data_end)
        return None if end == NEVER else end

    @property
    def events(self) -> int:
        """Rows released since the session began."""
        return sum(feed.released for feed in self._feeds)

    @property
    def quarantined(self) -> int:
        """Rows quarantined since the session began."""
        return sum(feed.quarantined.total() for feed in self._feeds)

    def positions(self) -> dict[str, int]:
        """Rows of each feed handed out or quarantined so far."""
        return {feed.name: feed.position for feed in self._feeds}

    def take_quarantined(self) -> list[QuarantinedRow]:
        """Samples of the rows quarantined since the last call."""
        return [row for feed in self._feeds for row in feed.take_quarantined()]

    def end(self) -> None:
        """Release nothing more: the marks from the next one on carry `ended`."""
        self._ended = True

    def release(self, until: int) -> list[Message]:
        """The rows of the running interval up to `until`, instrument by instrument, each in time order.

        The first release begins with the definitions of the instruments.
        """
        messages: list[Message] = []
        if not self._defined:
            self._defined = True
            ts = self._defined_at
            messages += [
                InstrumentDefined(instrument=line.instrument, ts_event=ts, ts_init=ts)
                for line in self._lines.values()
            ]
        if not self._ended:
            bound = min(until, self.mark_ts, self._end)
            for line in self._lines.values():
                upcoming = line.next_time()
                if upcoming is not None and upcoming <= bound:
                    messages += line.read_until(bound)
        self._touched = self._touched or bool(messages)
        return messages

    @property
    def _defined_at(self) -> int:
        # An interval does not contain its start: this is the earliest time in the first one.
        return self.start + 1

    def defines(self, message: Message) -> bool:
        """Whether this is one of the definitions that the first release begins with, and of no feed."""
        return isinstance(message, InstrumentDefined) and message.ts_init == self._defined_at

    def close(self, commands: Sequence[Command] = ()) -> Mark:
        """The mark that ends the running interval; its rows must have been released. The next one begins.

        ValueError when rows of it are still to come.
        """
        upcoming = self.next_time
        if upcoming is not None and upcoming <= min(self.mark_ts, self._end) and not self.over:
            raise ValueError(f"rows at {upcoming} must be released before the mark at {self.mark_ts}")
        start, self._last_mark = self._last_mark, self.mark_ts
        self.mark_ts += self.grid
        self._touched = False
        over = self._ended or self._last_mark >= self._end or upcoming is None
        ended, self._after_end = self._ended or self._after_end, over
        return Mark(
            ts=self._last_mark,
            start=start,
            ended=ended,
            positions=self.positions(),
            commands=tuple(commands),
            quarantined=self.quarantined,
            events=self.events,
        )

    def next_interval(self, commands: Sequence[Command] = ()) -> tuple[list[Message], Mark]:
        """The running interval whole: all its rows, and its mark."""
        return self.release(self.mark_ts), self.close(commands)

    def skip_to(self, due: int) -> None:
        """Let the running interval span all empty ones up to that of the next row, the end, or `due`.

        `due` is the event time at which a stage acts of its own accord (`NEVER` for none). Only empty
        intervals are skipped: one that has released something is left as it is.
        """
        bounds = [due] if self.over else [due, self._end, self.next_time or NEVER]
        if self._touched or not self._defined or min(bounds) == NEVER:
            return
        self.mark_ts = max(self.mark_ts, grid_before(min(bounds), self.grid))

    def resume(self, mark: Mark | None, released: Mapping[str, int]) -> None:
        """Go on after `mark` (None: from the start), without the rows that were released after it already.

        `released` counts them by the source of their messages. A gap before the next row is told again.
        ValueError when mark or rows are of other feeds.
        """
        feeds = {feed.name: feed for feed in self._feeds}
        positions = dict.fromkeys(feeds, 0) if mark is None else mark.positions
        unknown = sorted((set(positions) ^ set(feeds)) | (set(released) - set(feeds)))
        if unknown:
            raise ValueError(f"the log was written from other sources: they differ in {', '.join(unknown)}")
        for name, feed in feeds.items():
            feed.seek(positions[name])
            feed.skip(released.get(name, 0))
        self._last_mark = self.start if mark is None else mark.ts
        self.mark_ts = self._last_mark + self.grid
        self._ended = mark is not None and mark.ended
        self._defined = mark is not None or any(released.values())
        self._touched = any(released.values())
        self._after_end = self.over and not self._touched
