"""Numbered outputs: published in order, confirmed by reading them back, sent again from the first lost.

The log itself is the acknowledgement: an output counts as confirmed when a reader of the log, by the
rule that every reader follows, has taken it. So a restarted copy, a second copy and a lost
acknowledgement are one case, and what the log holds under our number is compared with what we made.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import structlog
from nats.errors import OutboundBufferLimitError
from penstock_contracts import codec, frames, headers, subjects
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.headers import Origin
from penstock_contracts.interval import Done
from penstock_kernel.topology import PLACES

from penstock_runtime import failpoints
from penstock_runtime.errors import OutputDiffers
from penstock_runtime.log import lineage
from penstock_runtime.log.delivery import Delivered, times_in
from penstock_runtime.log.lineage import Lineage

_log = structlog.get_logger(__name__)

WINDOW = 4096
"""Outputs on their way at once."""
GO_BACK_S = 0.5
"""How long confirmation may stand still before the writer goes back."""
UNTRACED: frozenset[Family] = frozenset(("md", "feat"))
"""Families whose messages carry no trace context: it is derived where one leads to something."""
TIMED: frozenset[tuple[Family, str]] = frozenset((("feat", "bar"), ("feat", "row")))
"""What of them tells when it was made, for the trace of an order that it leads to."""
FRAME_FROM = 8
"""So many outputs ready at once travel as one message."""
FRAME_BYTES_MAX = 192 * 1024


@dataclass(slots=True)
class Output:
    """One numbered output, ready to be sent as often as it takes."""

    index: int
    subject: str
    block: bytes
    payload: bytes
    made_at: float
    """By the writer's clock, s."""
    carried: bool
    """A frame may carry it."""
    closing: bool
    """It ends an interval, and may end a frame."""


@dataclass(slots=True)
class _Route:
    """What all outputs of one type about one instrument share."""

    subject: str
    numbering: headers.Numbering
    traced: bool
    timed: bool
    carried: bool
    closing: bool


@dataclass(slots=True)  # nobody edits one; not frozen, for building a frozen one costs three times as much
class Cause:
    """The input that an output follows from."""

    origin: Origin | None = None
    received_ns: int = 0
    block: bytes = b""
    """Its header block."""
    subject: str = "-"
    taken_ns: int = 0
    """Wall time at which it was taken; 0: unknown."""
    name: str = field(init=False)
    """The input's producer, epoch and number as a header has them; empty for none."""

    def __post_init__(self) -> None:
        self.name = "" if self.origin is None else str(self.origin)

    @staticmethod
    def of(delivered: Delivered, taken_ns: int = 0) -> "Cause":
        """The cause that a delivered message is."""
        return Cause(delivered.origin, delivered.received_ns, delivered.block, delivered.subject, taken_ns)


class Outlet(Protocol):
    """A log to write to."""

    partition: int

    def publish_block(self, subject: str, block: bytes, payload: bytes) -> None:
        """Send without waiting. OutboundBufferLimitError while disconnected."""
        ...

    async def store_block(self, subject: str, block: bytes, payload: bytes) -> None:
        """Send and wait until it is stored. Halt when the log refuses it, Unavailable without an answer."""
        ...


class NumberedWriter:
    """Numbers, publishes and confirms the outputs of one producer in one epoch."""

    def __init__(
        self,
        log: Outlet,
        producer: str,
        *,
        session_id: str,
        config: str,
        hold_s: float = 0.0,
        frame_from: int = FRAME_FROM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self.lineage = Lineage()
        """Of the orders that this process has to do with: one for all writers of fused stages."""
        self.traceparent = ""
        """Of the last output made; empty where it carries none."""
        self._frame_from = frame_from
        self._clock = clock
        self._hold_s = hold_s
        """How long an output is held back: a standby publishes only what nobody else has by then."""
        self._leads = not hold_s
        """It publishes at once: it is no standby, or the first copy has fallen silent."""
        self.producer = producer
        self.family: Family = PLACES[producer].family
        self._session_id = session_id
        self._config = config
        self.epoch = 0
        self.made = 0
        """Number of the last output made."""
        self.confirmed = 0
        """Number of the last output that the log holds."""
        self._sent = 0
        self._outbox: deque[Output] = deque()
        self._found: dict[int, tuple[str, bytes, bytes]] = {}
        """Subject, content and header block of what the log holds under numbers not made here yet."""
        self._frames: dict[int, bytes] = {}
        """Content of the frames that were sent and are not confirmed, by their last number."""
        self._routes: dict[tuple[type, str | None], _Route] = {}
        self._moved_at = self._clock()
        self.live = False
        """Whether everything was read that the log held at the start: only then may it publish."""
        self.went_back = 0

    def begin(self, epoch: int, made: int, confirmed: int) -> None:
        """Go on after output `made`, the log known up to `confirmed`."""
        self.epoch, self.made, self.confirmed, self._sent = epoch, made, confirmed, confirmed
        self._outbox.clear()
        self._found.clear()
        self._frames.clear()
        self._routes.clear()

    def put(self, message: Message, ts: int, cause: Cause) -> Output | None:
        """Number an output. Returns None when the log holds it already.

        Raises OutputDiffers when the log holds another one under its number.
        """
        self.made += 1
        key = subjects.key_of(message)
        route = self._routes.get((type(message), key)) or self._route(message, key)
        payload = codec.encode(message)
        found = self._found.pop(self.made, None) if self._found else None
        if found is not None:
            self._compare(self.made, route.subject, payload, *found[:2])
        known = self.made <= self.confirmed
        trace: dict[str, str] = {}
        self.traceparent = ""
        if route.traced or route.timed:
            # What the log holds already was made by an earlier process, and tells when.
            made_ns = (times_in(found[2])[1] if found is not None else 0) if known else time.time_ns()
            if route.traced:
                trace = self._trace(message, cause, made_ns)
                self.traceparent = trace["traceparent"]
            else:
                trace = {"times": f"{cause.taken_ns}-{made_ns}"}
        if known:
            return None
        block = route.numbering.block(self.made, ts, cause=cause.name, received=cause.received_ns, **trace)
        now = self._clock()
        output = Output(self.made, route.subject, block, payload, now, route.carried, route.closing)
        if not self._outbox:
            self._moved_at = now
        self._outbox.append(output)
        return output

    def _route(self, message: Message, key: str | None) -> _Route:
        kind = type_of(message, self.family)
        belongs = self.family, kind.kind
        route = self._routes[type(message), key] = _Route(
            subject=subjects.subject(self._log.partition, self.family, kind.major, kind.kind, key),
            numbering=headers.Numbering(
                kind.name, self.producer, self.epoch, partition=self._log.partition, config=self._config
            ),
            traced=self.family not in UNTRACED and type(message) is not Done,
            timed=belongs in TIMED,
            carried=belongs in frames.CARRIED,
            closing=kind.kind in frames.CLOSING,
        )
        return route

    def read_back(self, delivered: Delivered) -> None:
        """Take note of one of our outputs found in the log: it is confirmed, and compared."""
        origin = delivered.origin
        assert origin is not None
        if self._hold_s and origin.index > self._sent:
            self._leads = False  # somebody else was faster: there is a first copy again
        self.confirmed = origin.index
        self._moved_at = self._clock()
        self._frames.pop(origin.index, None)
        if delivered.count > 1:  # a frame, byte for byte as it was sent
            while self._outbox and self._outbox[0].index <= origin.index:
                self._frames.pop(self._outbox.popleft().index, None)  # it may have been cut otherwise before
            failpoints.hit("after_confirm")
            return
        if origin.index > self.made:
            self._found[origin.index] = (delivered.subject, delivered.data, delivered.block)
            return
        while self._outbox and self._outbox[0].index <= origin.index:
            output = self._outbox.popleft()
            if output.index == origin.index:
                self._compare(output.index, output.subject, output.payload, delivered.subject, delivered.data)
        failpoints.hit("after_confirm")

    def recognises(self, last: Origin, data: bytes) -> bool:
        """Whether a frame in the log, known by its last output, is one of ours, byte for byte."""
        return last.epoch == self.epoch and self._frames.get(last.index) == data

    @property
    def unconfirmed(self) -> int:
        """Outputs made that the log is not known to hold."""
        return max(0, self.made - self.confirmed)

    def pump(self) -> None:
        """Publish what may be published. Goes back to the first unconfirmed output after a standstill."""
        if not self.live or not self._outbox:
            return
        self._sent = max(self._sent, self.confirmed)
        failpoints.hit("after_publish" if self._sent > self.confirmed else "before_publish")
        if self._sent >= self.made and self._clock() - self._moved_at < GO_BACK_S:
            return
        if self._clock() - self._moved_at >= GO_BACK_S and self._sent > self.confirmed:
            self._sent = self.confirmed
            self._moved_at = self._clock()
            self.went_back += 1
            _log.info("writer_goes_back", producer=self.producer, first=self.confirmed + 1, made=self.made)
        ready = self._ready()
        try:
            at = 0
            while at < len(ready):
                count = self._frame_length(ready, at)
                last = ready[at + count - 1]
                if count == 1:
                    self._log.publish_block(last.subject, last.block, last.payload)
                else:
                    parts = [(each.subject, each.block, each.payload) for each in ready[at : at + count]]
                    frame = frames.pack(parts)
                    self._frames[last.index] = frame[2]
                    self._log.publish_block(*frame)
                self._sent = last.index
                at += count
        except OutboundBufferLimitError:
            return  # disconnected: confirmation stands still, and it goes back

    def _ready(self) -> list[Output]:
        """The outputs that may leave now."""
        first = max(self._sent - (self._outbox[0].index - 1), 0)
        most = first + WINDOW - (self._sent - self.confirmed)
        ready = list(islice(self._outbox, first, most))
        if not self._leads and ready:
            held = self._clock() - self._hold_s
            ready = [output for output in ready if output.made_at <= held]
            self._leads = bool(ready)
        return ready

    def _frame_length(self, ready: list[Output], at: int) -> int:
        """How many outputs from there on leave as one message: a run that ends an interval, or one."""
        size, closed = 0, at
        if len(ready) - at < self._frame_from:
            return 1
        for position in range(at, len(ready)):
            output = ready[position]
            size += len(output.block) + len(output.payload) + 100
            if not output.carried or size > FRAME_BYTES_MAX:
                break
            if output.closing:
                closed = position + 1
        return closed - at if closed - at >= self._frame_from else 1

    async def ask_why(self) -> None:
        """Publish the first unconfirmed output and await the server's answer: it names what is wrong.

        Raises Halt when the server refuses to store it, Unavailable when it does not answer.
        """
        if self._outbox:
            output = self._outbox[0]
            await self._log.store_block(output.subject, output.block, output.payload)

    def _trace(self, message: Message, cause: Cause, made_ns: int) -> dict[str, str]:
        """The headers that say where an output belongs in its trace, and when it was made."""
        origin = Origin(self.producer, self.epoch, self.made)
        before = lineage.Cause(cause.origin, cause.block, cause.subject, cause.received_ns)
        trace = self.lineage.trace(self._session_id, origin, message, before)
        self.lineage.made(message, trace.traceparent, made_ns)
        return {
            "traceparent": trace.traceparent,
            "parent": trace.parent,
            "trail": trace.trail,
            "link": trace.link,
            "times": f"{trace.since_ns or cause.taken_ns or made_ns}-{made_ns}",
        }

    def _compare(self, index: int, subject: str, payload: bytes, found_subject: str, found: bytes) -> None:
        if subject != found_subject or payload != found:
            raise OutputDiffers(
                f"{self.producer}'s output {index} of epoch {self.epoch}: the log holds {found_subject} "
                f"{found[:300]!r}, this copy made {subject} {payload[:300]!r}"
            )
