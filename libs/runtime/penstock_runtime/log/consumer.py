"""An ordered consumer under our own control.

nats-py re-creates its ordered consumer at sequence 1 when nothing was received yet, and skips what
the stream discarded without a word. This one always starts at the last message seen, inclusive, and
compares it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo
from nats.js.errors import APIError, NotFoundError

from penstock_runtime.errors import Halt, LogAgedOut, LogLost, Unavailable
from penstock_runtime.log.client import LogClient
from penstock_runtime.log.cursor import digest_of
from penstock_runtime.log.past import Past, Raw, passes

_HEARTBEAT_S = 1.0
_SILENCE_S = 3.5
_BACKLOG_MAX = 20_000
"""Messages waiting here before flow control holds the server back."""
_FULL_S = 0.02
_PAST_RETRY_S = 0.5
_STALL_S = 1.0
"""After holding the server back for longer, what comes next may have left the log: it begins again."""

_log = structlog.get_logger(__name__)


class OrderedConsumer:
    """Delivers the messages of some filters in log order, each once, across reconnects."""

    def __init__(
        self,
        client: LogClient,
        js: JetStreamContext,
        stream: str,
        filters: list[str],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._js, self._stream, self._filters = client, js, stream, filters
        self._wake = wake
        self._clock = clock
        self.queue: deque[Raw] = deque()
        self.arrived: Callable[[str, bytes], None] | None = None
        """Called with subject and header block of each message as it arrives: a measurement."""
        self.failure: Exception | None = None
        self.past: Past | None = None
        """Where messages are read that have left the log; without one, LogAgedOut."""
        self.behind = False
        """What comes next has left the log and is read from the past."""
        self._recalled = 0
        self._stalled_at = 0.0
        self._last: tuple[int, str] = (0, "")
        self._last_raw: tuple[str, bytes, bytes] = ("", b"", b"")
        self._within = False
        """The message at the start is a frame of which the caller has taken a part."""
        self._start_sequence = 1
        self._missed = 0
        """What came first instead of the last message seen."""
        self._expected = 1
        self._name = ""
        self._inbox = ""
        self._stalled = ""
        self._pending = 1
        self._heard_at = 0.0
        self._subscription: object | None = None
        self._monitor: asyncio.Task[None] | None = None
        self._restart = asyncio.Event()

    async def start(self, sequence: int, digest: str, *, within: bool = False) -> None:
        """Begin at `sequence`. With a digest that message was handed over: it is compared, not delivered,
        or delivered once more when it is a frame of which a part was taken (`within`).

        Raises LogLost when another message lies there, or none can; LogAgedOut when it is no longer kept
        and there is no past to read it from.
        """
        await self.begin(sequence, digest, within=within)
        self._monitor = asyncio.create_task(self._watch(), name=f"consumer {self._filters[0]}")

    async def begin(self, sequence: int, digest: str, *, within: bool = False) -> None:
        """Begin as `start` does; when to begin `again` is the caller's to see."""
        self._start_sequence = max(sequence, 1)
        self._last = (sequence, digest) if digest else (0, "")
        self._within = within
        try:
            await self._create()
        except LogAgedOut as error:
            self._fall_behind(error)

    async def stop(self) -> None:
        """Stop delivering; the server forgets the consumer."""
        if self._monitor is not None:
            self._monitor.cancel()
            await asyncio.gather(self._monitor, return_exceptions=True)
        await self._forget()

    def restart(self) -> None:
        """Begin again at the last message seen: the connection was lost and is back."""
        self._restart.set()

    @property
    def waiting(self) -> int:
        """Messages that can be taken now."""
        return len(self.queue)

    @property
    def at_tail(self) -> bool:
        """Whether everything that the log held a moment ago was taken from here."""
        return self._pending == 0 and not self.queue

    def take(self) -> Raw | None:
        """The next message as it is stored, or None when none waits. Raises what stopped the consumer."""
        if self.queue:
            raw = self.queue.popleft()
            if self._stalled and len(self.queue) < _BACKLOG_MAX // 2:
                self._release()
            return raw
        if self.failure is not None:
            raise self.failure
        return None

    async def _forget(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        await self._client.untap(subscription)  # type: ignore[arg-type]
        if self._client.is_connected and self._name:  # none: it was stopped while it was being made
            try:
                await self._js.delete_consumer(self._stream, self._name)
            except (APIError, NatsError, TimeoutError):
                _log.debug("consumer_left_to_expire", name=self._name)

    async def _create(self) -> None:
        await self._forget()
        sequence, _ = self._last
        first = sequence or self._start_sequence
        state = (await self._js.stream_info(self._stream)).state
        if first > state.last_seq + (0 if sequence else 1):
            raise LogLost(
                f"{self._stream} ends at {state.last_seq}, but {first} was read already: the log was lost"
            )
        if first < state.first_seq and state.first_seq > 1:
            raise LogAgedOut(
                f"{self._stream} begins at {state.first_seq}, after {first}: what lies between aged out"
            )
        self._expected = 1
        self._stalled = ""
        self._inbox = self._client.new_inbox()
        self._heard_at = self._clock()
        self._subscription = await self._client.tap(self._inbox, self._receive)
        info = await self._js.add_consumer(
            self._stream,
            ConsumerConfig(
                deliver_subject=self._inbox,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=first,
                ack_policy=AckPolicy.NONE,
                filter_subjects=self._filters,
                flow_control=True,
                idle_heartbeat=_HEARTBEAT_S,
                inactive_threshold=30.0,
                max_deliver=1,
                mem_storage=True,
                num_replicas=1,
            ),
        )
        self._name = info.name
        if self._expected == 1:  # else a message that came before this answer has said it
            self._pending = info.num_pending or 0
        self._wake()

    def _receive(self, subject: str, reply: str, block: bytes, data: bytes) -> None:
        self._heard_at = self._clock()
        if not data and block.startswith(b"NATS/1.0 100"):
            self._control(reply, block)
            return
        tokens = reply.split(".")
        if len(tokens) < 9 or self.failure is not None:
            return
        sequence, delivered, self._pending = int(tokens[-4]), int(tokens[-3]), int(tokens[-1])
        if delivered != self._expected:
            self._expected = -1
            self._restart.set()
            return
        self._expected += 1
        if not self._continues(sequence, subject, block, data):
            return
        self._within = False
        self._last = (sequence, "")
        self._last_raw = (subject, block, data)
        self.queue.append((sequence, subject, block, data))
        if self.arrived is not None:
            self.arrived(subject, block)
        self._wake()

    def _continues(self, sequence: int, subject: str, block: bytes, data: bytes) -> bool:
        """Whether a message is one to hand over. The last one seen comes again first, to be compared."""
        last, digest = self._last
        if sequence == last:
            if digest_of(subject, block, data) != digest:
                self._fail(
                    LogLost(f"{self._stream}:{sequence} holds another message than the one read: {subject}")
                )
                return False
            return self._within
        if last and self._expected == 2:
            if self._missed != sequence:
                # It may have left the log since the server was asked where that begins: it is asked again.
                self._missed = sequence
                self._expected = -1
                self._restart.set()
                return False
            self._fail(LogLost(f"{self._stream}:{last} is gone; the next message is {sequence}"))
            return False
        return True

    def _control(self, reply: str, block: bytes) -> None:
        if reply:
            self._stalled, self._stalled_at = reply, self._clock()
            if len(self.queue) < _BACKLOG_MAX:
                self._release()
            return
        for line in block.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            if name == b"Nats-Last-Consumer" and int(value) != self._expected - 1:
                self._restart.set()
            elif name == b"Nats-Consumer-Stalled":
                self._stalled, self._stalled_at = value.decode(), self._clock()
                if len(self.queue) < _BACKLOG_MAX:
                    self._release()

    def _release(self) -> None:
        reply, self._stalled = self._stalled, ""
        if self._clock() - self._stalled_at > _STALL_S:
            self._restart.set()  # the server would go on after what the log has discarded meanwhile
            return
        if self._client.is_connected:
            self._client.publish_block(reply, b"NATS/1.0\r\n\r\n", b"")

    def _fail(self, failure: Exception) -> None:
        self.failure = failure
        self._wake()

    async def _watch(self) -> None:
        while self.failure is None:
            if self.behind:
                await asyncio.sleep(await self._recall())
                continue
            try:
                async with asyncio.timeout(_HEARTBEAT_S):
                    await self._restart.wait()
            except TimeoutError:
                if self._clock() - self._heard_at < _SILENCE_S:
                    continue
            if not await self.again():
                await asyncio.sleep(0.2)

    @property
    def stands_still(self) -> bool:
        """Whether something was missed or the connection was lost: it must begin `again`."""
        return self._restart.is_set()

    async def again(self) -> bool:
        """Begin again at the last message seen, inclusive. False when the server did not let us."""
        self._restart.clear()
        if not self._client.is_connected:
            return True  # the reconnection will say so
        sequence, digest = self._last
        if sequence and not digest:
            self._last = (sequence, digest_of(*self._last_raw))
        try:
            await self._create()
            _log.info("consumer_recreated", filters=self._filters, sequence=self._last[0])
        except LogAgedOut as error:
            if self.past is None:
                self._fail(error)
            else:
                self._fall_behind(error)
        except LogLost as error:
            self._fail(error)
        except NotFoundError:
            self._fail(LogLost(f"{self._stream} is gone"))
        except (APIError, NatsError, TimeoutError, Unavailable) as error:
            _log.warning("consumer_not_recreated", filters=self._filters, error=str(error))
            self._restart.set()
            return False
        return True

    # --- What has left the log -----------------------------------------------------------------------

    def _fall_behind(self, why: LogAgedOut) -> None:
        """Go on from the past. Raises `why` where there is none."""
        if self.past is None:
            raise why
        sequence, _ = self._last
        self._recalled = (sequence or self._start_sequence) - 1
        self.behind = True
        self._pending = 1
        _log.warning("reading_the_past", filters=self._filters, after=self._recalled, why=str(why))

    async def _recall(self) -> float:
        """Take the next messages from the past, or go on from the log where it holds what comes next.

        Returns how long to wait before the next time, s.
        """
        if len(self.queue) >= _BACKLOG_MAX:
            return _FULL_S
        try:
            info = await self._js.stream_info(self._stream)
            if self._recalled + 1 >= info.state.first_seq and not self._last[1]:
                await self._come_back()
                return 0.0
            assert self.past is not None, "it would not be behind"
            messages = await self.past.after(identity(info), self._recalled)
            if not messages:
                raise LogAgedOut(
                    f"{self._stream} begins at {info.state.first_seq}, and what is known from before ends at "
                    f"{self._recalled}: what lies between aged out and is not archived"
                )
            self._take_in(messages)
        except Halt as error:
            self._fail(error)
        except NotFoundError:
            self._fail(LogLost(f"{self._stream} is gone"))
        except (APIError, NatsError, TimeoutError, Unavailable) as error:
            _log.warning("past_not_read", filters=self._filters, error=str(error) or type(error).__name__)
            return _PAST_RETRY_S
        return 0.0

    async def _come_back(self) -> None:
        self._start_sequence = self._recalled + 1
        self._last = (0, "")
        self._restart.clear()
        try:
            await self._create()
        except LogAgedOut:
            return  # it has discarded more meanwhile, which the past has
        self.behind = False
        _log.info("past_read", filters=self._filters, sequence=self._recalled)

    def _take_in(self, messages: Sequence[Raw]) -> None:
        last, digest = self._last
        filters = tuple(self._filters)
        for raw in messages:
            sequence, subject, block, data = raw
            if digest and sequence == last:
                if digest_of(subject, block, data) != digest:
                    raise LogLost(
                        f"{self._stream}:{sequence} was another message than the one read: {subject}"
                    )
                digest = ""
                self._last = (last, "")
                if not self._within:
                    continue
                self._within = False
            if passes(filters, subject):
                self.queue.append(raw)
                if self.arrived is not None:
                    self.arrived(subject, block)
        self._recalled = messages[-1][0]
        self._last = (0, "") if not digest else self._last
        self._heard_at = self._clock()
        self._wake()


def identity(info: StreamInfo) -> str:
    """Which log it is, and not another that was created under its name."""
    assert info.created is not None, "the server tells when a stream was created"
    return f"{info.config.name}@{info.created.isoformat()}"
