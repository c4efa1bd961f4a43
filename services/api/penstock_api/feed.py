"""Feeds the replica from the log, and wakes those who wait for an answer."""

import asyncio
from collections.abc import Callable

from penstock_contracts.base import Family, Message
from penstock_contracts.errors import UnreadableMessage
from penstock_runtime.errors import UnreadableHalt
from penstock_runtime.log import Delivered, Log, LogReader
from penstock_runtime.passing import passed_over

from penstock_api.replica import KINDS, Answer, Replica

FAMILIES: tuple[Family, ...] = tuple(KINDS)
_IDLE_S = 0.2
_BREATHE_EVERY = 256
LATEST: frozenset[tuple[Family, str]] = frozenset((family, "done") for family in FAMILIES if family != "ctl")
"""What the next of its kind replaces: of a run, the last will do."""
Listener = Callable[[int, Family, Message], None]
"""Called with each message after the replica took it: its log sequence, its family, and itself."""
_SKIPPED = frozenset({"feat", "sig"})
"""Families whose unreadable messages are counted and passed over; of any other, one stops the api."""


class Feed:
    """Reads the session from its genesis and keeps up."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reader: LogReader | None = None
        self._passed_over: frozenset[int] = frozenset()
        self.replica = Replica()
        self.caught_up = False
        """Whether everything was read once that the log held at the start."""
        self.taken = 0
        """Messages read so far."""
        self.unreadable = 0
        self.listeners: list[Listener] = []
        """Called in order, in the loop that reads the log: whatever they do must be quick, and not raise."""
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    @property
    def backlog(self) -> int:
        """Messages that wait to be read."""
        return self._reader.backlog if self._reader is not None else 0

    @property
    def connected(self) -> bool:
        """Whether the log's server answers."""
        return self._log.client.is_connected

    async def run(self, stop: asyncio.Event) -> None:
        """Read until stopped. Raises SessionOver when another session begins, Halt for what is unreadable."""
        self._passed_over = await passed_over(self._log)
        reader = self._reader = await self._log.reader(FAMILIES, latest=LATEST)
        try:
            while not stop.is_set():
                delivered = self._poll(reader)
                if delivered is None:
                    self.caught_up = self.caught_up or reader.at_tail
                    await reader.wait(_IDLE_S)
                    continue
                self._take(delivered)
                self.taken += 1
                if self.taken % _BREATHE_EVERY == 0:
                    await asyncio.sleep(0)
        finally:
            await reader.stop()

    async def answer(self, command_id: str, timeout_s: float) -> Answer | None:
        """What risk, or the strategies, say to a command; None when they say nothing in time."""
        if command_id in self.replica.answers:
            return self.replica.answers[command_id]
        future = self._waiting.setdefault(command_id, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(future)
        except TimeoutError:
            return self.replica.answers.get(command_id)
        finally:
            self._waiting.pop(command_id, None)

    def _poll(self, reader: LogReader) -> Delivered | None:
        try:
            return reader.poll()
        except UnreadableMessage as error:
            raise UnreadableHalt(f"envelope of the message at {reader.sequence}: {error}") from error

    def _take(self, delivered: Delivered) -> None:
        family = delivered.family
        if delivered.kind not in KINDS[family]:
            return
        try:
            message = delivered.decode()
        except UnreadableMessage as error:
            if family not in _SKIPPED and delivered.sequence not in self._passed_over:
                raise UnreadableHalt(f"{delivered.subject} at {delivered.sequence}: {error}") from error
            self.unreadable += 1
            return
        self.replica.take(family, message)
        self.replica.sequence = delivered.sequence
        for listener in self.listeners:
            listener(delivered.sequence, family, message)
        if isinstance(message, Answer) and message.command_id in self._waiting:
            future = self._waiting[message.command_id]
            if not future.done():
                future.set_result(message)
