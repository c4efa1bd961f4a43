"""Reads the log from outside as it grows: what was stored, when each producer said something, fills."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from penstock_contracts import frames
from penstock_contracts.headers import origin_in
from penstock_runtime.log import Log
from penstock_runtime.log.consumer import OrderedConsumer
from penstock_runtime.log.cursor import digest_of


class ServiceGone(Exception):
    """A service ended for good, and should not have."""


class DataOver(Exception):
    """The session's data ended before what was to happen could."""


@dataclass(slots=True)
class Heard:
    """The last sign of life of a producer."""

    at: float
    """`time.monotonic`."""
    sequence: int


@dataclass(slots=True)
class Watch:
    """Everything that the log delivered, kept as digests."""

    log: Log
    digests: dict[int, str] = field(default_factory=dict)
    """By log sequence: what was delivered was acknowledged, and must stay."""
    heard: dict[str, Heard] = field(default_factory=dict)
    fills: int = 0
    orders: int = 0
    marks: int = 0
    sequence: int = 0
    state: str = "active"
    """The trading state that risk told last."""
    state_at: float = 0.0
    identified: int = 0
    """Messages with a `Nats-Msg-Id`, which the server would acknowledge without storing."""
    over: bool = False
    failure: Exception | None = None
    recent: deque[tuple[str, bytes, bytes]] = field(default_factory=lambda: deque(maxlen=2000))
    """Subject, header block and content of the last outputs, to be sent again by whoever wants trouble."""
    listeners: list[Callable[[str, float, int], None]] = field(default_factory=list)
    """Called with producer, time and sequence of each output."""
    alarm: Callable[[], str] = field(default=lambda: "")
    """What makes waiting vain: services that ended for good."""
    _consumer: OrderedConsumer | None = None
    _task: asyncio.Task[None] | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, genesis: int) -> None:
        """Begin at the session's genesis."""
        self._consumer = await self.log.consumer([f"p{self.log.partition}.>"], self._wake.set)
        await self._consumer.start(genesis, "")
        self._task = asyncio.create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()

    async def until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until something holds.

        DataOver at the session's end, ServiceGone when a service has ended, TimeoutError after the timeout.
        """
        deadline = time.monotonic() + timeout_s
        while not holds():
            if self.over:
                raise DataOver(what)
            if alarm := self.alarm():
                raise ServiceGone(f"{alarm}; waited for: {what}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s:.0f} s: {what}")
            self._changed.clear()
            try:
                async with asyncio.timeout(0.1):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def more_fills(self, count: int = 1, timeout_s: float = 60.0) -> None:
        """Wait for fills."""
        wanted = self.fills + count
        await self.until(lambda: self.fills >= wanted, timeout_s, f"{count} more fills")

    async def cut_off(self) -> None:
        """Wait until the server is gone, and everything that it had sent was taken."""
        consumer = self._consumer
        assert consumer is not None
        await self.until(
            lambda: not self.log.client.is_connected and not consumer.queue, 30, "the end of the connection"
        )

    async def _run(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        while True:
            self._wake.clear()
            try:
                taken = 0
                while (raw := consumer.take()) is not None:
                    self._take(*raw)
                    taken += 1
                    if taken % 512 == 0:
                        await asyncio.sleep(0)
            except Exception as error:  # kept for whoever asks: in some rows the log is to be lost
                self.failure = error
                return
            self._changed.set()
            await self._wake.wait()

    def _take(self, sequence: int, subject: str, block: bytes, data: bytes) -> None:
        self.sequence = sequence
        self.digests[sequence] = digest_of(subject, block, data)
        family, _, kind = subject.split(".")[1:4]
        self.fills += (family, kind) == ("ven", "fill")
        self.orders += (family, kind) == ("ord", "approved")
        if (family, kind) == ("md", "mark"):
            carried = frames.unpack(data, frames.count_in(block)) if frames.is_frame(block) else ()
            self.marks += sum(".mark." in part[0] for part in carried) if carried else 1
        if (family, kind) == ("ctl", "session") and b'"phase":"end"' in data:
            self.over = True
        if (family, kind) == ("ord", "state"):
            self.state, self.state_at = json.loads(data)["state"], time.monotonic()
        self.identified += b"\r\nNats-Msg-Id:" in block
        origin = origin_in(block) if family != "ctl" else None
        if origin is not None:
            now = time.monotonic()
            self.recent.append((subject, block, data))
            self.heard[origin.producer] = Heard(now, sequence)
            for listener in self.listeners:
                listener(origin.producer, now, sequence)
