"""What stages, recorder and archive have said of the intervals that ingest released."""

import json
from collections import deque
from collections.abc import Callable

from penstock_contracts.control import Claim
from penstock_contracts.interval import Done
from penstock_kernel.counting import Counter
from penstock_kernel.topology import STAGES
from penstock_runtime.log import Delivered
from penstock_runtime.readers import Readers

RELEASED_MAX = 64
"""Intervals on their way through the stages in a replay: flow control, no result depends on it."""
_RECORDED_MAX = 4096
"""Intervals that the recorder may be behind in a replay."""


class Answers:
    """The last `done` of each stage, and the marks that somebody has not answered yet."""

    def __init__(self, readers: Readers, news: Callable[[], None]) -> None:
        self.readers = readers
        self.last: dict[str, Done] = {}
        """Of each stage."""
        self.index: dict[str, int] = {}
        """Its number."""
        self._news = news
        self._counters: dict[str, Counter] = {}
        self._unfinished: deque[int] = deque()
        self._settled = True
        """What was noted has been looked at."""
        self._read_to = 0
        self._recorded = 0
        self._unrecorded: deque[int] = deque()

    def follow(self, session_epoch: int) -> None:
        """Stages run elsewhere: their `done` and claims are to be `hear`d from the log."""
        self._counters = {each: Counter(each, session_epoch) for each in STAGES}

    def resume(self, ts: int) -> None:
        """An earlier writer's last mark: stages may be far behind it, rebuilding themselves."""
        self._unfinished.append(ts)

    def released(self, ts: int, sequence: int) -> None:
        """A mark was put out; the log was read up to `sequence` by then, so it lies behind that."""
        self._settle()
        self.readers.saw_mark(ts, sequence)
        self._unfinished.append(ts)
        self._unrecorded.append(ts)

    def hear(self, delivered: Delivered) -> tuple[str, int, Done] | None:
        """A stage's `done`: who, its number, and what. Or the claim of one that is no function of the log."""
        origin = delivered.origin
        if origin is not None:
            if origin.epoch != self._counters[origin.producer].epoch:
                return None
            message = delivered.decode()
            return (origin.producer, origin.index, message) if isinstance(message, Done) else None
        claim = delivered.decode()
        if isinstance(claim, Claim) and claim.producer in self._counters:
            self._counters[claim.producer].claim(delivered.sequence, claim)
        return None

    def note(self, producer: str, index: int, done: Done, read_to: int) -> None:
        """Take note that a stage has ended an interval with its output `index`; the log was read so far."""
        known = self.last.get(producer)
        if known is None or done.ts > known.ts:
            self.last[producer] = done
            self.index[producer] = index
        self._read_to, self._settled = read_to, False

    def _settle(self) -> None:
        """See which intervals every stage has ended, when somebody asks: often for many notes at once."""
        if self._settled:
            return
        self._settled = True
        finished = min(map(self.done_ts, STAGES))
        self.readers.answered(finished)
        while self._unfinished and self._unfinished[0] <= finished:
            self._unfinished.popleft()
        if not self._unfinished:
            self.readers.settled(self._read_to)

    async def progress(self, _subject: str, data: bytes) -> None:
        """What the recorder says."""
        place = json.loads(data)
        self.readers.recorded(place["sequence"], place.get("archived"))
        self._recorded = max(self._recorded, int(place["mark"]))
        while self._unrecorded and self._unrecorded[0] <= self._recorded:
            self._unrecorded.popleft()
        self._news()

    def done_ts(self, stage: str) -> int:
        """Mark up to which a stage has said `done`; 0 before the first."""
        return self.last[stage].ts if stage in self.last else 0

    @property
    def slowest(self) -> str:
        """The stage that is furthest behind."""
        return min(STAGES, key=self.done_ts)

    @property
    def waited_for(self) -> int:
        """Intervals that a stage has not ended."""
        self._settle()
        return len(self._unfinished)

    @property
    def next_due(self) -> int:
        """The earliest time for which a stage has something to say."""
        return min(each.next_due for each in self.last.values())

    @property
    def quiet(self) -> bool:
        """Whether every stage has answered for the last interval and has nothing left to say."""
        self._settle()
        done = self.last.values()
        return not self._unfinished and len(done) == len(STAGES) and all(each.quiet for each in done)

    def may_release(self, read_to: int) -> bool:
        """Whether a replay may release another interval; the log was read up to `read_to`."""
        self._settle()
        if len(self._unfinished) >= RELEASED_MAX or len(self._unrecorded) >= _RECORDED_MAX:
            return False
        return not self.readers.holds(read_to, len(self._unfinished))
