"""A reader of some families: takes from each producer only the next number, and knows its place."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from penstock_contracts.base import Family
from penstock_contracts.control import Claim, Session
from penstock_contracts.subjects import family_filters
from penstock_kernel.counting import Counter, Verdict
from penstock_kernel.topology import PRODUCER_OF

from penstock_runtime.errors import LogHole, SessionOver
from penstock_runtime.log.cursor import Cursor, Place, digest_of
from penstock_runtime.log.delivery import Delivered

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

    async def start(self, sequence: int, digest: str) -> None:
        """Begin at a sequence; with a digest after it, the message there compared."""
        ...

    async def stop(self) -> None:
        """Stop delivering."""
        ...

    @property
    def within(self) -> bool:
        """Whether a part of the message that was taken last can still be taken."""
        ...

    @property
    def stored(self) -> tuple[int, str, bytes, bytes]:
        """The message as stored that was taken last."""
        ...

    def take(self) -> tuple[int, str, bytes, bytes] | None:
        """The next message: sequence, subject, header block, payload. Raises what stopped delivery."""
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._patient = patient
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
        await self._consumer.start(self._start.sequence, self._start.digest)

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
        stored = self._consumer.stored if self._consumer is not None else None
        digest = digest_of(*stored[1:]) if stored is not None and stored[0] else self._start.digest
        return Cursor(self._sequence, digest, places)

    @property
    def sequence(self) -> int:
        """Log sequence of the last message looked at."""
        return self._sequence

    @property
    def within(self) -> bool:
        """Whether outputs that were stored together with the last one polled are still to be polled."""
        return self._consumer is not None and self._consumer.within

    @property
    def backlog(self) -> int:
        """Messages that wait here to be polled."""
        return self._consumer.waiting if self._consumer is not None else 0

    @property
    def at_tail(self) -> bool:
        """Whether everything that the log held a moment ago was polled."""
        return self._consumer is not None and self._consumer.at_tail

    def poll(self) -> Delivered | None:
        """The next message taken, or None when none waits.

        Raises SessionOver when a new session begins, LogHole for a number missing too long, LogLost
        when the consumer found another log, UnreadableMessage for a broken envelope or frame.
        """
        consumer = self._consumer
        assert consumer is not None, "start the reader first"
        while (raw := consumer.take()) is not None:
            self._sequence = raw[0]
            delivered = Delivered(*raw)
            if self._takes(delivered):
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
        if delivered.kind == "session":
            message = delivered.decode()
            if not isinstance(message, Session) or message.phase != "genesis":
                return
            if self._genesis != delivered.sequence:
                raise SessionOver(f"session {message.session_id} began at {delivered.sequence}")
            for counter in self._counters.values():
                counter.session(delivered.sequence, message)
        elif delivered.kind == "claim":
            message = delivered.decode()
            if isinstance(message, Claim) and message.producer in self._counters:
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
