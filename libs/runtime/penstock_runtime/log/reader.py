"""A reader of some families: takes from each producer only the next number, and knows its place."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from penstock_contracts import frames, headers
from penstock_contracts.base import Family
from penstock_contracts.control import Claim, Session
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.headers import Origin
from penstock_contracts.subjects import family_filters
from penstock_kernel.counting import Counter, Verdict
from penstock_kernel.topology import PRODUCER_OF

from penstock_runtime.errors import LogHole, SessionOver, UnreadableHalt
from penstock_runtime.log.cursor import Cursor, Place, digest_of
from penstock_runtime.log.delivery import Delivered, kind_of
from penstock_runtime.log.past import Raw

HOLE_S = 30.0
"""How long a number may stay missing while later ones are there: longer than a restart takes."""


class Consumer(Protocol):
    """Delivers the stored messages of some filters in log order."""

    failure: Exception | None
    arrived: Callable[[str, bytes], None] | None

    @property
    def waiting(self) -> int:
        """Messages that can be taken now."""
        ...

    @property
    def at_tail(self) -> bool:
        """Whether everything that the log held a moment ago was taken."""
        ...

    async def start(self, sequence: int, digest: str, *, within: bool = False) -> None:
        """Begin at a sequence; with a digest after it, the message there compared, or `within` it."""
        ...

    async def stop(self) -> None:
        """Stop delivering."""
        ...

    def take(self) -> tuple[int, str, bytes, bytes] | None:
        """The next stored message: sequence, subject, header block, payload. Raises what stopped delivery."""
        ...


class Source(Protocol):
    """A log to read from."""

    partition: int

    async def consumer(
        self, filters: list[str], wake: Callable[[], None], *, patient: bool = False
    ) -> Consumer:
        """A consumer of these subjects, to be started; a patient one may deliver later, and in one go."""
        ...


class LogReader:
    """Delivers what every reader of the log takes, in log order."""

    def __init__(
        self,
        log: Source,
        families: Sequence[Family],
        cursor: Cursor,
        *,
        wake: Callable[[], None] | None = None,
        arrived: Callable[[str, bytes], None] | None = None,
        patient: bool = False,
        passes_over: frozenset[tuple[Family, str]] = frozenset(),
        latest: frozenset[tuple[Family, str]] = frozenset(),
        recognises: Callable[[Origin, bytes], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._patient = patient
        self._passes_over = passes_over
        """Families and kinds that are counted and not delivered."""
        self._latest = latest
        """Families and kinds of which a frame's last is delivered, and the others are only counted."""
        self._recognises = recognises
        """Says of a frame, by its last number and its content, whether it is as we sent it ourselves."""
        self._stored: Raw | None = None
        self._opened: deque[tuple[Delivered, int]] = deque()
        """What a frame still gives, each with its producer's number after it."""
        self._arrived = arrived
        self._clock = clock
        self._families = tuple(families)
        self._start = cursor
        self._counters = {
            producer: Counter(producer, place.epoch, place.next_index)
            for producer, place in cursor.places.items()
        }
        for family in self._families:
            producer = PRODUCER_OF.get(family)
            if producer is not None:
                self._counters.setdefault(producer, Counter(producer))
        self._control = "ctl" in self._families
        self._consumer: Consumer | None = None
        self._sequence = cursor.sequence
        # A cursor without a digest stands before its message: the genesis that begins the session.
        self._genesis = 0 if cursor.digest else cursor.sequence
        self._ahead_since: dict[str, float] = {}
        self._came = asyncio.Event()
        self._wake = wake or self._came.set

    async def start(self) -> None:
        """Begin delivery at the cursor."""
        filters: list[str] = []
        for family in self._families:
            filters += family_filters(self._log.partition, family, PRODUCER_OF.get(family))
        if self._control:
            inside = f"p{self._log.partition}.ctl.>"
            filters = [each for each in filters if each == inside or ".ctl." not in each]
        unique = list(dict.fromkeys(filters))
        self._consumer = await self._log.consumer(unique, self._wake, patient=self._patient)
        self._consumer.arrived = self._arrived
        await self._consumer.start(self._start.sequence, self._start.digest, within=self._start.within)

    async def stop(self) -> None:
        """Stop delivery."""
        if self._consumer is not None:
            await self._consumer.stop()

    def counter(self, producer: str) -> Counter:
        """What is known of a producer: its epoch and its next number."""
        return self._counters[producer]

    def cursor(self) -> Cursor:
        """The place after the last message that `poll` gave or passed over."""
        places = {name: Place(each.epoch, each.next_index) for name, each in self._counters.items()}
        digest = digest_of(*self._stored[1:]) if self._stored is not None else self._start.digest
        return Cursor(self._sequence, digest, places, within=self._still_within)

    @property
    def sequence(self) -> int:
        """Log sequence of the last message looked at."""
        return self._sequence

    @property
    def _still_within(self) -> bool:
        return bool(self._opened) if self._stored is not None else self._start.within

    @property
    def within(self) -> bool:
        """Whether outputs that were stored together with the last one polled are still to be polled."""
        return bool(self._opened)

    @property
    def backlog(self) -> int:
        """Messages that wait here to be polled; a frame that was not opened counts as one."""
        waiting = self._consumer.waiting if self._consumer is not None else 0
        return waiting + len(self._opened)

    @property
    def at_tail(self) -> bool:
        """Whether everything that the log held a moment ago was polled."""
        return self._consumer is not None and self._consumer.at_tail and not self._opened

    def poll(self) -> Delivered | None:
        """The next message taken, or None when none waits.

        Raises SessionOver when a new session begins, LogHole for a number missing too long, LogLost
        when the consumer found another log, UnreadableMessage for a broken envelope or frame,
        UnreadableHalt for a session or a claim that cannot be read.
        """
        consumer = self._consumer
        assert consumer is not None, "start the reader first"
        while True:
            if self._opened:
                return self._next_of_frame()
            raw = consumer.take()
            if raw is None:
                break
            self._sequence = raw[0]
            self._stored = raw
            if frames.is_frame(raw[2]):
                whole = self._open(raw)
                if whole is not None:
                    return whole
                continue
            delivered = Delivered(*raw)
            if self._takes(delivered) and (delivered.family, delivered.kind) not in self._passes_over:
                return delivered
        if self._ahead_since:
            self._check_holes()
        return None

    async def wait(self, timeout_s: float) -> bool:
        """Wait until a poll may give something; False after the timeout."""
        consumer = self._consumer
        if consumer is not None and (consumer.waiting or consumer.failure is not None):
            return True
        self._came.clear()
        try:
            async with asyncio.timeout(timeout_s):  # wait_for may swallow a cancellation (Python 3.11)
                await self._came.wait()
        except TimeoutError:
            return False
        return True

    def _open(self, raw: Raw) -> Delivered | None:
        """Take from a frame what is next; returns the whole when it is our own, as we sent it."""
        sequence, subject, block, data = raw
        last, count = headers.origin_in(block), frames.count_in(block)
        family, _ = kind_of(subject)
        counter = self._counters.get(last.producer) if last is not None else None
        if last is None or counter is None or PRODUCER_OF.get(family) != last.producer:
            return None
        skip = counter.judge_run(sequence, last, count)
        if counter.missing_since is not None:
            self._ahead_since.setdefault(last.producer, self._clock())
        if skip is None:
            return None
        self._ahead_since.pop(last.producer, None)
        if not skip and self._recognises is not None and self._recognises(last, data):
            counter.next_index = last.index + 1
            return Delivered(*raw, origin=last, count=count)
        self._queue(sequence, last, frames.unpack(data, count), skip)
        return None

    def _queue(self, sequence: int, last: Origin, parts: list[frames.Part], skip: int) -> None:
        producer, epoch = last.producer, last.epoch
        index = last.index - len(parts) + 1 + skip
        wanted: list[tuple[int, frames.Part]] = []
        newest: dict[tuple[Family, str], int] = {}
        for number, part in enumerate(parts[skip:], index):
            kind = kind_of(part[0])
            if kind in self._passes_over:
                continue
            if kind in self._latest:
                newest[kind] = number
            wanted.append((number, part))
        if newest:
            wanted = [each for each in wanted if newest.get(kind_of(each[1][0]), each[0]) == each[0]]
        # The numbers of those passed over count with the one before them.
        numbers = [number for number, _ in wanted] + [last.index + 1]
        self._counters[producer].next_index = numbers[0]
        for (number, part), after in zip(wanted, numbers[1:], strict=True):
            self._opened.append((Delivered(sequence, *part, origin=Origin(producer, epoch, number)), after))

    def _next_of_frame(self) -> Delivered:
        delivered, after = self._opened.popleft()
        assert delivered.origin is not None
        self._counters[delivered.origin.producer].next_index = after
        return delivered

    def _takes(self, delivered: Delivered) -> bool:
        if delivered.family == "ctl":
            self._follow(delivered)
            return self._control
        origin = delivered.origin
        if origin is None:
            return False
        counter = self._counters.get(origin.producer)
        if counter is None or PRODUCER_OF.get(delivered.family) != origin.producer:
            return False
        verdict = counter.judge(delivered.sequence, origin)
        if verdict is Verdict.AHEAD:
            self._ahead_since.setdefault(origin.producer, self._clock())
        elif verdict is Verdict.TAKE and self._ahead_since:
            self._ahead_since.pop(origin.producer, None)
        return verdict is Verdict.TAKE

    def _follow(self, delivered: Delivered) -> None:
        if delivered.kind not in ("session", "claim"):
            return
        try:
            message = delivered.decode()
        except UnreadableMessage as error:
            # Whose numbers count is not known any more.
            raise UnreadableHalt(f"{delivered.subject} at {delivered.sequence}: {error}") from error
        if delivered.kind == "session":
            if not isinstance(message, Session) or message.phase != "genesis":
                return
            if self._genesis != delivered.sequence:
                raise SessionOver(f"session {message.session_id} began at {delivered.sequence}")
            for counter in self._counters.values():
                counter.session(delivered.sequence, message)
        elif isinstance(message, Claim) and message.producer in self._counters:
            self._counters[message.producer].claim(delivered.sequence, message)
            self._ahead_since.pop(message.producer, None)

    def _check_holes(self) -> None:
        now = self._clock()
        for producer, since in self._ahead_since.items():
            if now - since > HOLE_S:
                counter = self._counters[producer]
                raise LogHole(
                    f"{producer}'s output {counter.next_index} of epoch {counter.epoch} has been missing for "
                    f"{HOLE_S:.0f} s while later ones are in the log (from sequence {counter.missing_since})"
                )
