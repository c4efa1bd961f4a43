"""A log server in memory: what it stores, what is on its way to it, and what it delivers.

It stands for nats-server below the product's own `Log`, `OrderedConsumer`, `LogReader` and
`NumberedWriter`, which run unchanged. Nothing here acts by itself: the scheduler says when a message is
stored, lost, delayed or delivered.
"""

import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Generator
from functools import lru_cache
from types import SimpleNamespace, coroutine
from typing import Any, NamedTuple

from nats.errors import NoServersError, OutboundBufferLimitError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.errors import NotFoundError

Sink = Callable[[str, str, bytes, bytes], None]


@coroutine
def suspend() -> Generator[None, None, None]:
    """Let the scheduler go on with something else."""
    yield


class Stored(NamedTuple):
    """A message as the log holds it."""

    sequence: int
    subject: str
    block: bytes
    data: bytes


class Sent(NamedTuple):
    """A message that somebody has published."""

    subject: str
    block: bytes
    data: bytes


@lru_cache(maxsize=512)
def matches(filters: tuple[str, ...], subject: str) -> bool:
    """Whether a subject passes one of the filters."""
    return any(_pattern(each).fullmatch(subject) for each in filters)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", r"[^.]+").replace(r">", r".+"))


class Delivery:
    """One consumer, as the server keeps it: a place in the messages that pass its filters."""

    def __init__(self, matching: list[Stored], first: int, sink: Sink) -> None:
        self._matching = matching
        self._at = bisect_left(matching, first, key=lambda each: each.sequence)
        self._count = 0
        self._sink = sink

    @property
    def pending(self) -> int:
        """Messages not yet delivered."""
        return len(self._matching) - self._at

    def deliver(self, most: int) -> int:
        """Deliver the next ones, in order; returns how many."""
        todo = min(most, self.pending)
        for _ in range(todo):
            stored = self._matching[self._at]
            self._at += 1
            self._count += 1
            reply = f"$JS.ACK.S.c.1.{stored.sequence}.{self._count}.0.{self.pending}"
            self._sink(stored.subject, reply, stored.block, stored.data)
        return todo

    def lose(self, most: int) -> int:
        """Send the next ones on a connection that breaks; returns how many were lost."""
        lost = min(most, self.pending)
        self._at += lost
        self._count += lost
        return lost

    def heartbeat(self) -> None:
        """Say how many were sent."""
        self._sink(
            "", "", b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: %d\r\n\r\n" % self._count, b""
        )


class Server:
    """The stream, and what was published to it and may yet arrive."""

    def __init__(self) -> None:
        self.log: list[Stored] = []
        self.limbo: list[Sent] = []
        """Published long ago, on their way still."""
        self.clients: list[Client] = []
        self._matching: dict[tuple[str, ...], list[Stored]] = {}

    def store(self, sent: Sent) -> int:
        """Append a message; returns its sequence."""
        stored = Stored(len(self.log) + 1, *sent)
        self.log.append(stored)
        for filters, found in self._matching.items():
            if matches(filters, stored.subject):
                found.append(stored)
        return stored.sequence

    def matching(self, filters: tuple[str, ...]) -> list[Stored]:
        """All messages that pass, those to come included."""
        found = self._matching.get(filters)
        if found is None:
            found = [each for each in self.log if matches(filters, each.subject)]
            self._matching[filters] = found
        return found


class Client:
    """A connection: what was published on it and is not stored, and the consumers that deliver to it."""

    is_closed = False

    def __init__(self, server: Server, answers: Callable[[], str]) -> None:
        self.server = server
        self.is_connected = True
        self.wire: deque[Sent] = deque()
        self.deliveries: dict[str, Delivery] = {}
        self.answers = answers
        """What becomes of an awaited publication: `stored`, `lost`, or `unanswered` (stored all the same)."""
        self._sinks: dict[str, Sink] = {}
        self._inboxes = 0
        server.clients.append(self)

    def close(self) -> None:
        """The process has died: nothing reaches it any more."""
        self.is_connected = False
        self.deliveries.clear()
        self.server.clients.remove(self)

    def jetstream(self, timeout: float) -> "JetStream":
        """The management calls."""
        return JetStream(self)

    def new_inbox(self) -> str:
        """A subject of its own."""
        self._inboxes += 1
        return f"inbox{self._inboxes}"

    async def tap(self, inbox: str, sink: Sink) -> str:
        """Hand what comes to the inbox to a sink."""
        self._sinks[inbox] = sink
        return inbox

    async def untap(self, inbox: str) -> None:
        """End that."""
        self._sinks.pop(inbox, None)
        self.deliveries.pop(inbox, None)

    def sink(self, inbox: str) -> Sink:
        """Where the inbox leads."""
        return self._sinks[inbox]

    def publish_block(self, subject: str, block: bytes, payload: bytes, reply: str = "") -> None:
        """Put a message on the wire. OutboundBufferLimitError while disconnected."""
        if not self.is_connected:
            raise OutboundBufferLimitError
        self.wire.append(Sent(subject, block, payload))

    async def publish(self, subject: str, data: bytes) -> None:
        """A measurement: nobody listens."""

    async def subscribe(self, subject: str, cb: object) -> None:
        """Measurements: none come."""


class JetStream:
    """The part of the management interface that the product uses."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._server = client.server

    def _reachable(self) -> None:
        if not self._client.is_connected:
            raise NoServersError

    async def stream_info(self, stream: str, subjects_filter: str = "") -> Any:
        """What it holds, without limits, and how many messages each subject of the filter has."""
        self._reachable()
        pattern = (subjects_filter,) if subjects_filter else ()
        subjects = Counter(each.subject for each in self._server.matching(pattern)) if pattern else {}
        last = len(self._server.log)
        state = SimpleNamespace(first_seq=1, last_seq=last, messages=last, bytes=0, subjects=subjects)
        return SimpleNamespace(state=state, config=SimpleNamespace(max_bytes=0, max_age=0.0))

    async def add_consumer(self, stream: str, config: Any) -> Any:
        """Deliver from the start sequence on to the inbox that the configuration names."""
        self._reachable()
        inbox = config.deliver_subject
        found = self._server.matching(tuple(config.filter_subjects))
        delivery = Delivery(found, config.opt_start_seq, self._client.sink(inbox))
        self._client.deliveries[inbox] = delivery
        return SimpleNamespace(name=inbox, num_pending=delivery.pending)

    async def delete_consumer(self, stream: str, name: str) -> None:
        """Forget it."""
        self._reachable()
        self._client.deliveries.pop(name, None)

    async def get_msg(self, stream: str, sequence: int) -> Any:
        """A message by its sequence; nothing here has an age."""
        self._reachable()
        if not 1 <= sequence <= len(self._server.log):
            raise NotFoundError
        return SimpleNamespace(seq=sequence, time=None)

    async def get_last_msg(self, stream: str, subject: str) -> Any:
        """The last message of a subject."""
        self._reachable()
        return SimpleNamespace(
            seq=next(s.sequence for s in reversed(self._server.log) if s.subject == subject)
        )

    async def publish(
        self,
        subject: str,
        payload: bytes,
        headers: dict[str, str],
        timeout: float,  # noqa: ASYNC109  (the client's)
    ) -> Any:
        """Publish and wait for the answer, which may never come."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sent = Sent(subject, f"NATS/1.0\r\n{lines}\r\n".encode(), payload)
        await suspend()
        self._reachable()
        fate = self._client.answers()
        if fate == "lost":
            self._server.limbo.append(sent)
            raise NatsTimeout
        sequence = self._server.store(sent)
        await suspend()
        if fate == "unanswered":
            raise NatsTimeout
        return SimpleNamespace(seq=sequence)
