"""The processes of a session: the product's services without their loops, which the scheduler turns."""

import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nats.errors import Error as NatsError
from penstock_contracts.base import Family, Message
from penstock_contracts.codec import adapter
from penstock_contracts.errors import UnreadableMessage
from penstock_ingest.config import IngestConfig
from penstock_ingest.service import IngestService
from penstock_runtime.core import StageCore, usable
from penstock_runtime.drivers import ChainDriver, Driver, StageDriver
from penstock_runtime.errors import Superseded, Unavailable
from penstock_runtime.log import Cursor, Delivered, Log, LogReader, NumberedWriter
from penstock_runtime.log.consumer import OrderedConsumer
from penstock_runtime.snapshots import Snapshot

from simulation.scenarios import SESSION, Scenario, settings
from simulation.server import Client, Server, suspend

T = TypeVar("T")
Clock = Callable[[], float]
Made = Callable[[str, int, Message], None]
Speaker = Callable[[str], None]

CONFIG = "simulated"


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("it waits for something")


def to_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that nobody interrupts."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


class ScheduledConsumer(OrderedConsumer):
    """The ordered consumer; the scheduler looks after it in place of its monitor."""

    async def start(self, sequence: int, digest: str, *, within: bool = False) -> None:
        """Begin, without a monitor."""
        await self.begin(sequence, digest, within=within)


class ScheduledLog(Log):
    """The log, with the simulation's clock and connection."""

    def __init__(self, client: Client, clock: Clock) -> None:
        super().__init__(client, 0)  # type: ignore[arg-type]
        self._simulated_clock = clock

    async def consumer(
        self, filters: list[str], wake: Callable[[], None], *, patient: bool = False
    ) -> OrderedConsumer:
        """A consumer that the scheduler looks after."""
        consumer = ScheduledConsumer(self.client, self.js, self.stream, filters, wake, self._simulated_clock)
        self._consumers.append(consumer)
        return consumer

    @property
    def standing(self) -> list[OrderedConsumer]:
        """Consumers that must begin again."""
        return [each for each in self._consumers if each.stands_still]


class ScheduledReader(LogReader):
    """A reader that waits by letting the scheduler go on."""

    async def wait(self, timeout_s: float) -> bool:
        """Wait for whatever comes first."""
        await suspend()
        return True


class Wake:
    """Stands for the event that wakes a service's loop: the scheduler decides anyway."""

    def set(self) -> None:
        """Somebody has something to do."""

    def clear(self) -> None:
        """Nobody has."""

    async def wait(self) -> None:
        """Let the scheduler go on."""
        await suspend()


class Process:
    """What crashes as one: a connection, and what runs on it."""

    def __init__(self, name: str, server: Server, clock: Clock, answers: Callable[[], str]) -> None:
        self.name = name
        self.asleep_until = 0.0
        self.clock = clock
        self.client = Client(server, answers)
        self.log = ScheduledLog(self.client, clock)

    def close(self) -> None:
        """It has died: nothing reaches it any more."""
        self.client.close()

    def step(self, rng: random.Random) -> bool:
        """Do one of the things that its loop does, in any order. Returns whether there was anything to do."""
        raise NotImplementedError

    def turn(self) -> bool:
        """One turn of its loop. Returns whether there was anything to do."""
        raise NotImplementedError


class StageProcess(Process):
    """One copy of one stage, or of all of them fused; it begins at a snapshot."""

    def __init__(
        self, kind: str, copy: int, saved: list[str], restore: str | None, scenario: Scenario,
        *, hold_s: float, server: Server, clock: Clock, answers: Callable[[], str], made: Made,
    ) -> None:  # fmt: skip
        super().__init__(f"{kind}#{copy}", server, clock, answers)
        self.kind, self.copy, self.saved, self.hold_s = kind, copy, saved, hold_s
        self._made = made
        self._pending: Snapshot | None = None
        stages = scenario.stages()
        self.driver: Driver = ChainDriver(stages) if kind == "fused" else StageDriver(kind, stages[kind])
        writers = {
            producer: NumberedWriter(
                self.log,
                producer,
                session_id=SESSION,
                config=CONFIG,
                hold_s=hold_s,
                frame_from=2,
                clock=clock,
            )
            for producer in self.driver.producers
        }
        self.core = StageCore(self.name, self.driver, writers, self)
        epoch = at_once(self.log.genesis())
        found: Snapshot | None = adapter(Snapshot).validate_json(restore) if restore is not None else None
        at_once(self.core.start(epoch, usable(found, epoch, CONFIG, self.name), self._reader))

    def _reader(self, families: tuple[Family, ...], cursor: Cursor) -> LogReader:
        own = families[0] not in self.driver.families
        recognises = self.core.recognises if own else None
        return LogReader(self.log, families, cursor, recognises=recognises, clock=self.clock)

    def step(self, rng: random.Random) -> bool:
        """Read back, feed few or many, publish, take a snapshot, or save the one taken."""
        chance = rng.random()
        if chance < 0.30:
            return self.core.read_back()
        if chance < 0.65:
            return self.core.feed(rng.choice((1, 2, 8, 64))) > 0
        if chance < 0.85:
            before = len(self.client.wire)
            self.core.pump()
            return len(self.client.wire) > before
        if self._pending is None:
            self._pending = self.core.snapshot(CONFIG, "code")
        elif self.core.covers(self._pending):
            self.saved.append(adapter(Snapshot).dump_json(self._pending).decode())
            self._pending = None
        return False

    def turn(self) -> bool:
        """As the service's loop does it."""
        busy = self.core.read_back()
        busy = self.core.feed(512) > 0 or busy
        self.core.pump()
        return busy

    @property
    def settled(self) -> bool:
        """Whether all that it put out is in the log."""
        return self.core.live and not self.core.unconfirmed

    def took(self, delivered: Delivered) -> None:
        """Of no interest."""

    def made(self, producer: str, number: int, message: Message, *, known: bool) -> None:
        """An output, to be compared with what it should be."""
        self._made(producer, number, message)

    def unreadable(self, delivered: Delivered, error: UnreadableMessage) -> None:
        """Nothing here cannot be read."""
        raise error


class ScheduledIngest(IngestService):
    """Ingest, with readers that wait for the scheduler."""

    async def _reader(self, families: tuple[Family, ...], _wake: object = None) -> LogReader:
        place = Cursor(self._session_epoch)
        reader = ScheduledReader(
            self._log, families, place, wake=self._wake.set,
            recognises=self._writer.recognises, clock=self._writer._clock,
        )  # fmt: skip
        await reader.start()
        return reader


class IngestProcess(Process):
    """A writer of market data: it claims, folds, goes on, and ends the session."""

    def __init__(
        self, number: int, scenario: Scenario, *,
        in_bursts: bool, server: Server, clock: Clock, answers: Callable[[], str],
    ) -> None:  # fmt: skip
        super().__init__(f"ingest#{number}", server, clock, answers)
        self.service = ScheduledIngest(self.log, settings(), IngestConfig(speed="max"), scenario.schedule())
        self.service._wake = Wake()  # type: ignore[assignment]
        self.service._writer._clock = clock
        self.service._writer._frame_from = 2
        self.in_bursts = in_bursts
        self._task: Coroutine[Any, Any, None] | None = self.service.start()
        self.fate = ""
        """`superseded`, `unavailable` or `over` once it has ended."""

    def _guarded(self, work: Callable[[], object]) -> object:
        try:
            return work()
        except Superseded:
            self.fate = "superseded"
        except (Unavailable, NatsError):
            self.fate = "unavailable"
        return True

    def _await(self) -> None:
        assert self._task is not None
        try:
            self._task.send(None)
        except StopIteration:
            self._task = None
            self.fate = "over" if self.service.health.state == "ended" else ""

    def close(self) -> None:
        """It has died, whatever it was waiting for."""
        super().close()
        if self._task is not None:
            self._task.close()

    def _release(self) -> None:
        """As many intervals as it may at once, or one: how many are on their way decides nothing."""
        if self.in_bursts or self.service._schedule.over:
            self.service._release()
        elif self.service._may_release():
            self.service._release_interval()

    def _look(self) -> None:
        self.service._listen()
        if self.service._over():
            self._task = self.service._finish()

    @property
    def waits(self) -> bool:
        """Whether it is in the midst of starting or finishing."""
        return self._task is not None

    def _progress(self) -> tuple[int, int, int]:
        writer = self.service._writer
        return writer.made, writer.confirmed, len(self.client.wire)

    def step(self, rng: random.Random) -> bool:
        """Listen, release an interval, or publish."""
        before = self._progress()
        chance = rng.random()
        if self._task is not None:
            self._guarded(self._await)
            return True
        if chance < 0.4:
            self._guarded(self._look)
        elif chance < 0.6:
            self._guarded(self._release)
        else:
            self.service._writer.pump()
        return self._progress() != before

    def turn(self) -> bool:
        """As the service's loop does it."""
        before = self._progress()
        if self._task is not None:
            self._guarded(self._await)
            return True
        self._guarded(self._look)
        if not self.fate and not self.waits:
            self._guarded(self._release)
            self.service._writer.pump()
        return bool(self.fate) or self._progress() != before
