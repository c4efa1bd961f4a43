"""nats-py with short cuts, for the messages of the log only.

The client tries a regular expression per kind of protocol line, parses every header of every message
into a dict and passes each through a stream reader, a queue and two tasks; the log needs three headers
and keeps its own queue, and its publishers build their header block once. The short cuts use internals
of nats-py, and refuse to run where one is missing. Everything else (requests, JetStream management, core
subscriptions) is the plain client.
"""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

Sink = Callable[[str, str, bytes, bytes], None]
"""Takes subject, reply, header block and payload of each message, in order."""


class LogParser(Parser):
    """The protocol parser, with a short way for whole messages of taps; all else goes the usual one."""

    def __init__(self, client: "LogClient") -> None:
        super().__init__(client)
        self._taps = client.sinks

    async def parse(self, data: bytes = b"") -> None:
        """Hand every message of a tap that lies complete in the buffer to its sink, in order."""
        if self.buf:
            self.buf += data
            data = bytes(self.buf)
        at, whole = self.tapped(data) if self.state == AWAITING_CONTROL_LINE else (0, True)
        self.buf[:] = data[at:]
        if whole and self.buf:
            await super().parse()

    def tapped(self, data: bytes) -> tuple[int, bool]:
        """Hand over the leading messages of taps.

        Returns where the first other thing begins, and whether that is none of a tap's that is cut off.
        """
        taps, size, at = self._taps, len(data), 0
        while data.startswith(b"HMSG ", at):
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                return at, False
            parts = data[at:line_end].split()
            sink = taps.get(int(parts[2]))
            if sink is None:
                break
            begin = line_end + 2
            end = begin + int(parts[-1])
            if end + 2 > size:
                return at, False
            body = begin + int(parts[-2])
            reply = parts[3].decode() if len(parts) == 6 else ""
            at = end + 2
            sink(parts[1].decode(), reply, data[begin:body], data[body:end])
        return at, True


class TapProtocol(asyncio.Protocol):
    """Hands the messages of taps to their sinks as the bytes arrive; all else to the client's reader.

    After each arrival it may rest: what comes meanwhile waits in the kernel and is handed over in one go.
    """

    def __init__(self, client: "LogClient", reader: asyncio.StreamReader, inner: asyncio.Protocol) -> None:
        self._client = client
        self._parser: LogParser = client.parser
        self._reader = reader
        self._inner = inner
        self._cut = b""

    def data_received(self, data: bytes) -> None:
        """Hand over every message that is whole."""
        if self._cut:
            data = self._cut + data
            self._cut = b""
        parser, reader = self._parser, self._reader
        # What is not a tap's goes through the client's reader, and what follows it waits its turn.
        if parser.buf or parser.state != AWAITING_CONTROL_LINE or reader._buffer:  # type: ignore[attr-defined]
            self._inner.data_received(data)
            return
        client = self._client
        client.handing_over = True
        try:
            at, whole = parser.tapped(data)
        finally:
            client.handing_over = False
        if at < len(data):
            if whole:
                self._inner.data_received(data[at:])
            else:
                self._cut = data[at:]
        if at:
            client.handed_over()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._inner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()


class LogClient(Client):
    """A NATS connection whose taps bypass header parsing and queues."""

    def __init__(self, rest_s: float = 0.0, may_rest: Callable[[], bool] | None = None) -> None:
        super().__init__()
        self._rest_s = rest_s
        """How long reading rests after messages came, so that one waking serves many."""
        self._may_rest = may_rest
        self._resting: asyncio.TimerHandle | None = None
        self.sinks: dict[int, Sink] = {}
        """Of each tap, by the id of its subscription."""
        self.handing_over = False
        """Sinks are being called as bytes arrive; `after` follows when they all were."""
        self.after: list[Callable[[], None]] = []
        """Called after messages were handed to sinks as their bytes arrived."""
        for name in (
            "_pending",
            "_pending_data_size",
            "_flush_queue",
            "_process_msg",
            "_max_payload",
            "_ps",
            "_transport",
            "_read_loop",
        ):
            if not hasattr(self, name):
                raise RuntimeError(f"this version of nats-py has no Client.{name}: pin the locked version")
        self._ps = self.parser = LogParser(self)

    async def _read_loop(self) -> None:
        writer = getattr(self._transport, "_io_writer", None)
        reader = getattr(self._transport, "_io_reader", None)
        if writer is not None and reader is not None:
            inner = writer.transport.get_protocol()
            writer.transport.set_protocol(TapProtocol(self, reader, inner))
        await super()._read_loop()

    def handed_over(self) -> None:
        """Have what arrived acted upon, and rest."""
        for act in self.after:
            act()
        if not self._rest_s or self._resting is not None or not self.is_connected:
            return
        if self._may_rest is None or self._may_rest():
            self._socket().pause_reading()
            self._resting = asyncio.get_running_loop().call_later(self._rest_s, self.hurry)

    def hurry(self) -> None:
        """Read what has come, at once, and rest only after that."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
            if not self.is_closed and not self._socket().is_closing():
                self._socket().resume_reading()

    def _socket(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._transport._io_writer.transport  # type: ignore[union-attr]
        return transport

    async def tap(self, subject: str, sink: Sink) -> Subscription:
        """Subscribe with a sink that is called from the protocol parser; it must not block."""
        subscription = await self.subscribe(subject, cb=_unused)
        self.sinks[subscription._id] = sink
        return subscription

    async def untap(self, subscription: Subscription) -> None:
        """End a tap; messages on their way are dropped."""
        self.sinks.pop(subscription._id, None)
        if self.is_connected:
            await subscription.unsubscribe()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        sink = self.sinks.get(sid)
        if sink is None:
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]
            return
        sink(subject.decode(), reply.decode(), headers or b"", data)

    def publish_block(self, subject: str, headers: bytes, payload: bytes, reply: str = "") -> None:
        """Publish with a ready header block, without waiting; the bytes leave with the next flush.

        Raises OutboundBufferLimitError while disconnected: nothing is buffered for later, the caller
        goes back to its first unconfirmed output instead.
        """
        if self.is_closed:
            raise ConnectionClosedError
        if not self.is_connected:
            raise OutboundBufferLimitError
        total = len(headers) + len(payload)
        if total > self._max_payload:
            raise MaxPayloadError
        command = b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
            subject.encode(), reply.encode(), len(headers), total, headers, payload,
        )  # fmt: skip
        self._pending.append(command)
        self._pending_data_size += len(command)
        queue = self._flush_queue
        if queue is not None and queue.empty():
            queue.put_nowait(asyncio.get_running_loop().create_future())

    def write_pending(self) -> None:
        """Hand what was published to the socket now, instead of at the client's next turn of the loop.

        What may be on its way is bounded by the writers' windows, so nothing waits for the socket here.
        """
        if self._pending_data_size and self.is_connected and self._transport is not None:
            pending, self._pending, self._pending_data_size = self._pending, [], 0
            self._transport.writelines(pending)


async def _unused(message: Msg) -> None:
    raise AssertionError(f"{message.subject} was not tapped")
