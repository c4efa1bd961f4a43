"""How far behind the readers of the log are: nothing may leave the log before everybody has read it.

Half of what the log keeps is the most that a stage, the recorder or the archive may be behind. Faster than 1x
ingest then waits; at 1x the market does not, and trading halts.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

import structlog
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from penstock_runtime.log import Log
from penstock_runtime.log.retention import GONE, Kept, age_of

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
SHARE_MAX = 0.5
SHARE_CALM = 0.4
"""Below this share the next time of being behind counts as another one."""
_SAMPLE_EVERY = 32
"""Log sequences between two marks whose place is remembered."""
_SHARE_UNSEEN = 0.125
"""Of the log: so much may be written, by estimate, before the log is asked again."""
_INTERVALS_UNSEEN = 64
"""The same while it is not known what an interval takes."""
_SAMPLES = 2048


class _Intervals:
    """How many intervals lie after a place in the log.

    A stored message may be one output or a frame of hundreds, but one interval holds about as much as
    another: bytes are told from intervals where messages would tell them wrongly by a factor of ten.
    """

    def __init__(self) -> None:
        self.total = 0
        self.spacing = 1
        """Log sequences between two marks whose place is remembered."""
        self._sequences: list[int] = []
        self._before: list[int] = []
        """At each sequence: the marks up to there."""

    def saw(self, sequence: int) -> None:
        self.total += 1
        if self._sequences and sequence - self._sequences[-1] < self.spacing:
            if sequence == self._sequences[-1]:
                self._before[-1] = self.total
            return
        self._sequences.append(sequence)
        self._before.append(self.total)

    def keep(self, first: int, last: int) -> None:
        """The log holds these sequences: what lies before them is not asked for."""
        self.spacing = max(1, (last - first) // _SAMPLES)
        gone = bisect_right(self._sequences, first) - 1
        if gone > 0:
            del self._sequences[:gone], self._before[:gone]

    def after(self, sequence: int) -> int:
        """Intervals that end after a sequence: rather one too many."""
        at = bisect_right(self._sequences, sequence) - 1
        return self.total - (self._before[at] if at >= 0 else 0)


class Readers:
    """The places of stages, recorder and archive, and how much of the log lies after the hindmost."""

    def __init__(self, log: Log, age_max_s: float) -> None:
        self._log = log
        self._age_max_s = age_max_s
        self._marks: deque[tuple[int, int]] = deque()
        """Event time and log sequence of marks that a stage has not answered yet, and the last before."""
        self._places: dict[str, int] = {}
        self._kept: Kept | None = None
        self._intervals = _Intervals()
        self._interval_bytes = 0.0
        """What an interval takes in the log; 0 while no interval is in it."""
        self._seen = 0
        """Intervals at the last look."""
        self.due = asyncio.Event()
        """Set when so much was written since the last look that nobody knows how full the log is."""
        self._told = False
        self._heard = False
        """Whether the recorder has said where it is."""

    def begin(self, sequence: int) -> None:
        """Until they say where they are, recorder and archive count from here for a halt. A replay is held
        back meanwhile when the log is half full: they may be anywhere.
        """
        for who in ("recorder", "archive"):
            self._places.setdefault(who, sequence)

    def saw_mark(self, ts: int, sequence: int) -> None:
        """A mark lies there in the log, or after it. Of those close together one is remembered."""
        self._intervals.saw(sequence)
        if not self._marks or sequence - self._marks[-1][1] >= _SAMPLE_EVERY:
            self._marks.append((ts, sequence))

    def recorded(self, sequence: int, archived: int | None) -> None:
        """What the recorder says."""
        self._heard = True
        self._places["recorder"] = sequence
        self._places["archive"] = sequence if archived is None else archived

    def answered(self, ts: int) -> None:
        """Every stage has ended the interval up to `ts`."""
        while len(self._marks) > 1 and self._marks[1][0] <= ts:
            self._marks.popleft()
        if self._marks and self._marks[0][0] <= ts:
            self.settled(self._marks[0][1])
        elif self._marks:
            self._places.setdefault("stages", self._marks[0][1] - 1)

    def settled(self, sequence: int) -> None:
        """Every stage has answered everything; the log was read up to here by then."""
        self._places["stages"] = max(self._places.get("stages", 0), sequence)

    def holds(self, last: int, on_the_way: int = 0) -> bool:
        """Whether the log, which ends at `last` by now, should not grow before somebody has caught up.

        `on_the_way`: intervals that were released and are not answered. They may lie behind any place, and
        what the stages make of them is yet to come.
        """
        kept = self._kept
        if kept is None:
            return False
        if kept.bytes_max and self._intervals.total - self._seen > self._unseen_max(kept):
            self.due.set()
            return True
        if not self._heard and self._share_of_bytes(kept, kept.first - 1, last, on_the_way) > SHARE_MAX:
            return True
        return any(
            self._share_of_bytes(kept, place, last, on_the_way) > SHARE_MAX for place in self._places.values()
        )

    def _unseen_max(self, kept: Kept) -> float:
        if not self._interval_bytes:
            return _INTERVALS_UNSEEN
        return _SHARE_UNSEEN * kept.bytes_max / self._interval_bytes

    def _share_of_bytes(self, kept: Kept, place: int, last: int = 0, on_the_way: int = 0) -> float:
        """What lies after a place, of the bytes that the log keeps, by intervals where there are any."""
        share = kept.share_of_bytes(place, last)
        if share == GONE or not self._interval_bytes or not kept.bytes_max:
            return share
        if not share and not on_the_way:
            return share
        return (self._intervals.after(place) + on_the_way) * self._interval_bytes / kept.bytes_max

    async def look(self, slowest: Callable[[], str]) -> str | None:
        """Ask the log; says who is too far behind, once each time; None when it does not answer.

        `slowest` names the stage.
        """
        try:
            written = self._intervals.total
            self._kept = kept = Kept.of(await self._log.js.stream_info(self._log.stream), self._age_max_s)
            self._measure(kept, written)
            worst, who = 0.0, ""
            for name, place in list(self._places.items()):
                age_s = await age_of(self._log, place + 1) if place < kept.last else 0.0
                share = max(self._share_of_bytes(kept, place), kept.share_of_age(age_s))
                if share > worst:
                    worst, who = share, name
        except (NatsError, APIError, TimeoutError) as error:
            _log.warning("readers_not_seen", error=str(error) or type(error).__name__)
            self.due.clear()
            return None
        if worst < SHARE_CALM:
            self._told = False
        if worst <= SHARE_MAX or self._told:
            return ""
        self._told = True
        far = "what it must read next has left the log" if worst == GONE else f"by {worst:.0%} of the log"
        return f"{slowest() if who == 'stages' else who} is behind: {far}"

    def _measure(self, kept: Kept, written: int) -> None:
        """`written` intervals were released when the log was asked."""
        self._seen = written
        self.due.clear()
        self._intervals.keep(kept.first, kept.last)
        held = self._intervals.after(kept.first - 1) - (self._intervals.total - written)
        self._interval_bytes = kept.bytes / held if held > 0 else 0.0
