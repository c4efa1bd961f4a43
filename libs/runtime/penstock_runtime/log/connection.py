"""The connection to one partition's log."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoServersError
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError
from penstock_contracts import codec, frames, headers, subjects
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.control import Audited, Claim, Command, Session

from penstock_runtime import failpoints
from penstock_runtime.errors import Halt, LogLost, NotPermitted, Unavailable
from penstock_runtime.log.client import LogClient
from penstock_runtime.log.consumer import OrderedConsumer, identity
from penstock_runtime.log.cursor import Cursor
from penstock_runtime.log.delivery import Delivered
from penstock_runtime.log.past import Past
from penstock_runtime.log.reader import LogReader
from penstock_runtime.log.streams import StreamLimits, declare

_log = structlog.get_logger(__name__)

Callback = Callable[[str, bytes], Awaitable[None]]

_REFUSED = re.compile(r"permissions violation for (.+)|authorization violation", re.IGNORECASE)
"""What the server says to credentials that it does not know, and to what they are not for."""


class Log:
    """One partition's stream: readers, publishing, and measurements beside it over core NATS."""

    def __init__(self, client: LogClient, partition: int) -> None:
        self.client = client
        self.partition = partition
        self.stream = subjects.stream_name(partition)
        self.js: JetStreamContext = client.jetstream(timeout=10)
        self.past: Past | None = None
        """Where readers find what has left the log."""
        self.refusal: NotPermitted | None = None
        """That the server refused something: nothing mends it but other credentials."""
        self._consumers: list[OrderedConsumer] = []
        self._url = ""
        self._name = ""
        self._patient: LogClient | None = None

    @classmethod
    async def connect(
        cls, url: str, *, partition: int = 0, name: str, past: Past | None = None, rest_s: float = 0.0
    ) -> "Log":
        """Connect. Unavailable when no server answers. Reconnects for ever afterwards.

        What has left the log is read from the past, where there is one.

        With `rest_s`, reading rests so long after messages came, and then takes all that came meanwhile.
        """
        log = cls(LogClient(rest_s), partition)
        log._url, log._name = url, name
        log.past = past
        await log._open(log.client, name)
        return log

    async def open_patient(self, rest_s: float, may_rest: Callable[[], bool]) -> None:
        """Open a second connection, for consumers whose messages may wait for `rest_s` while `may_rest`."""
        client = LogClient(rest_s, may_rest)
        await self._open(client, f"{self._name}-patient")
        self._patient = client

    def hurry(self) -> None:
        """Have the second connection read now what it lets wait."""
        if self._patient is not None:
            self._patient.hurry()

    @property
    def handing_over(self) -> bool:
        """Whether messages are being delivered of which `after` will tell."""
        return self.client.handing_over or (self._patient is not None and self._patient.handing_over)

    def after(self, act: Callable[[], None]) -> None:
        """Call `act` whenever messages were delivered as their bytes arrived."""
        self.client.after.append(act)
        if self._patient is not None:
            self._patient.after.append(act)

    async def ring(self, subject: str, bell: Callable[[], None]) -> None:
        """Call `bell` when something is published on a subject; it may not be in the log yet."""
        await self.client.tap(subject, lambda *_: bell())

    async def _open(self, client: LogClient, name: str) -> None:
        async def reconnected() -> None:
            _log.warning("log_reconnected", name=name)
            self.reconnected()

        async def disconnected() -> None:
            _log.warning("log_disconnected", name=name)

        connected = False

        async def failed(error: Exception) -> None:
            _log.warning("log_error", name=name, error=reason(error))
            self._refused(error)
            if self.refusal is not None and not connected:
                raise self.refusal  # else it would try the same for ever

        try:
            await client.connect(
                self._url,
                name=f"penstock-{name}",
                pending_size=0,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.1,  # type: ignore[arg-type]  # it sleeps so long: fractions will do
                allow_reconnect=True,
                connect_timeout=5,
                reconnected_cb=reconnected,
                disconnected_cb=disconnected,
                error_cb=failed,
            )
        except (NatsError, NoServersError, OSError, TimeoutError) as error:
            raise Unavailable(f"no log at {self._place}: {reason(error)}") from error
        connected = True

    def _refused(self, error: Exception) -> None:
        found = _REFUSED.search(str(error))
        if found is None or self.refusal is not None:
            return
        what = found[1] or "its credentials: the log's server does not know them"
        self.refusal = NotPermitted(f"{self._name}: the log at {self._place} refuses {what}")

    @property
    def _place(self) -> str:
        """The address without what is secret in it."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Raise the server's refusal in place of what came of it: silence, and a timeout."""
        try:
            yield
        except Exception as error:
            if self.refusal is not None and error is not self.refusal:
                raise self.refusal from error
            raise

    async def declare(self, limits: StreamLimits) -> None:
        """Create the partition's streams where they are absent. Never changes one that is there."""
        await declare(self.js, self.partition, limits)

    async def dead_letter(self, delivered: Delivered, why: str) -> None:
        """Keep an unreadable message of md, feat or sig, with the reason, for `penstock dlq`.

        Unavailable when it cannot be stored.
        """
        subject = f"dlq.p{self.partition}.{delivered.family}"
        block = {
            **delivered.headers,
            "penstock-reason": " ".join(why.split())[:1000],
            "penstock-subject": delivered.subject,
            "penstock-sequence": str(delivered.sequence),
        }
        try:
            await self.js.publish(subject, delivered.data, headers=block, timeout=5)
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"{subject} was not stored: {reason(error)}") from error

    async def reader(
        self,
        families: Sequence[Family],
        cursor: Cursor | None = None,
        *,
        passes_over: frozenset[tuple[Family, str]] = frozenset(),
        latest: frozenset[tuple[Family, str]] = frozenset(),
    ) -> LogReader:
        """Read families in log order from a cursor, or from the session's genesis.

        Kinds that are passed over are counted only; of those in `latest`, a frame gives but the last.
        """
        if cursor is None:
            cursor = Cursor(sequence=await self.genesis())
        reader = LogReader(self, families, cursor, passes_over=passes_over, latest=latest)
        await reader.start()
        return reader

    async def consumer(
        self, filters: list[str], wake: Callable[[], None], *, patient: bool = False
    ) -> OrderedConsumer:
        """An ordered consumer that is restarted when the connection was; on the second one if `patient`."""
        client = self._patient if patient and self._patient is not None else self.client
        consumer = OrderedConsumer(client, self.js, self.stream, filters, wake)
        consumer.past = self.past
        self._consumers.append(consumer)
        return consumer

    def reconnected(self) -> None:
        """Have every consumer begin again at its place."""
        for consumer in self._consumers:
            consumer.restart()

    async def genesis(self) -> int:
        """Log sequence of the session's genesis.

        Where it has left the log, the books still have it, and after them the archive. LogLost when none
        has, Unavailable when the log does not answer.
        """
        subject = session_subject(self.partition, "genesis")
        try:
            message = await self.js.get_last_msg(self.stream, subject)
        except NotFoundError as error:
            before = await self._genesis_before(subject)
            if before is None:
                raise LogLost(f"{self.stream} holds no session: start one explicitly") from error
            return before
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"the log does not answer: {reason(error)}") from error
        if message.seq is None:
            raise LogLost(f"{self.stream}: no sequence for {subject}")
        return message.seq

    async def _genesis_before(self, subject: str) -> int | None:
        """Where the genesis was that has left the log; None for a log that never had one."""
        try:
            info = await self.js.stream_info(self.stream)
            if info.state.first_seq <= 1:
                return None
            try:
                kept = await self.js.get_last_msg(subjects.books_name(self.partition), subject)
                return headers.source_sequence(kept.headers or {}, self.stream)
            except NotFoundError:
                return await self.past.genesis(identity(info)) if self.past is not None else None
        except NotFoundError:
            return None
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"the log does not answer: {reason(error)}") from error

    async def last_of(self, family: Family, kind: str, major: int = 1) -> Message | None:
        """The last message of a kind that is about no instrument, such as a mark; None before the first."""
        subject = subjects.subject(self.partition, family, major, kind)
        try:
            stored = await self.js.get_last_msg(self.stream, subject)
        except NotFoundError:
            return None
        return _last_in(stored, family, kind, major)

    async def last_sequence(self) -> int:
        """The log's end."""
        return (await self.js.stream_info(self.stream)).state.last_seq

    async def begins_later(self) -> bool:
        """Whether the log's first messages have left it."""
        try:
            return (await self.js.stream_info(self.stream)).state.first_seq > 1
        except NotFoundError:
            return False

    async def write_session(self, session: Session) -> int:
        """Write a session's genesis or end; returns its log sequence."""
        return await self._store(session_subject(self.partition, session.phase), session, session.session_id)

    async def publish_command(self, command: Command) -> int:
        """Write a command; returns its log sequence. Unavailable when the log cannot take it."""
        subject = subjects.subject(self.partition, "ctl", 1, "command")
        return await self._store(subject, command, command.command_id)

    async def publish_audited(self, audited: Audited) -> int:
        """Write what belongs into the audit; returns its log sequence. Unavailable when the log cannot."""
        subject = subjects.subject(self.partition, "ctl", 1, "audit")
        return await self._store(subject, audited, f"a-{secrets.token_hex(10)}")

    async def claim(self, claim: Claim) -> int:
        """Write a claim; returns its log sequence. Whether it holds, reading it back tells."""
        subject = subjects.claim_subject(self.partition, claim.producer)
        sequence = await self._store(subject, claim, claim.nonce)
        failpoints.hit("after_claim")
        return sequence

    async def _store(self, subject: str, message: Session | Command | Audited | Claim, identity: str) -> int:
        kind = type_of(message)
        ts = getattr(message, "ts", 0) or getattr(message, "ts_issued", 0)
        block = headers.unnumbered(kind.name, identity, ts, partition=self.partition, source="control")
        try:
            ack = await self.js.publish(
                subject, codec.encode(message), headers=headers.parse(block), timeout=5
            )
        except (NatsError, APIError, TimeoutError) as error:
            raise Unavailable(f"{subject} was not stored: {reason(error)}") from error
        return ack.seq

    def publish_block(self, subject: str, block: bytes, payload: bytes) -> None:
        """Send a numbered output without waiting. OutboundBufferLimitError while disconnected."""
        self.client.publish_block(subject, block, payload)

    def flush(self) -> None:
        """Hand what was published to the socket now."""
        self.client.write_pending()

    async def store_block(self, subject: str, block: bytes, payload: bytes) -> None:
        """Send a numbered output and wait until it is stored. Halt when the log refuses it."""
        try:
            await self.js.publish(subject, payload, headers=headers.parse(block), timeout=2)
        except APIError as error:
            raise Halt(f"the log refuses {subject}: {error.description}") from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{subject} was not stored: {reason(error)}") from error

    async def publish_core(self, subject: str, data: bytes) -> None:
        """Send a measurement: at most once, dropped while disconnected. NotPermitted once the server has
        refused anything: a service that measures itself learns of it here.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.client.is_connected:
            await self.client.publish(subject, data)

    async def subscribe_core(self, subject: str, callback: Callback) -> None:
        """Receive measurements."""

        async def receive(message: Msg) -> None:
            await callback(message.subject, message.data)

        await self.client.subscribe(subject, cb=receive)

    async def close(self) -> None:
        """Stop the readers and close the connection."""
        await asyncio.gather(*(consumer.stop() for consumer in self._consumers), return_exceptions=True)
        self._consumers.clear()
        if self.past is not None:
            await self.past.close()
        for client in (self.client, self._patient):
            if client is not None and not client.is_closed:
                await client.close()


def _last_in(stored: RawStreamMsg, family: Family, kind: str, major: int) -> Message:
    data = stored.data or b""
    if stored.headers and frames.FRAME in stored.headers:
        data = frames.unpack(data, int(stored.headers[frames.FRAME]))[-1][2]
    return codec.decode(family, kind, major, data)


def session_subject(partition: int, phase: str) -> str:
    """Where genesis and end messages go."""
    return subjects.subject(partition, "ctl", 1, "session", f"{phase}.{subjects.NONE}")


def reason(error: BaseException) -> str:
    """The error in words; some of the client's have none."""
    return str(error) or type(error).__name__
