"""The service loop around a stage's core: when to read, publish, snapshot, and when to stop."""

import asyncio
import time
from collections.abc import Callable

import structlog
from penstock_contracts.base import Family, Message
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.frames import CLOSING
from penstock_contracts.interval import Done
from penstock_contracts.orders import OrderApproved
from penstock_kernel.topology import PLACES

from penstock_runtime.core import StageCore, usable
from penstock_runtime.drivers import Driver
from penstock_runtime.errors import Halt, Unavailable
from penstock_runtime.health import Health, report_for_ever
from penstock_runtime.latency import LatencyHistogram
from penstock_runtime.log import Cursor, Delivered, Log, LogReader, NumberedWriter
from penstock_runtime.log.delivery import received_in
from penstock_runtime.order_log import OrderLog
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.snapshots import Snapshot, SnapshotStore
from penstock_runtime.version import code_hash
from penstock_runtime.witness import WitnessedSnapshots

_log = structlog.get_logger(__name__)

_BURST = 512
"""Messages fed between two looks at the other readers."""
_TICK_S = 0.1
_STILL_S = 3.0
"""After so long without confirmation the server is asked why."""
_DRAIN_S = 8.0
REST_S = 0.005
"""At 1x, how long messages wait that are not urgent, so that one waking of the process serves many."""
STANDBY_HOLD_S = 0.2
"""How long a standby waits for the first copy to publish an output."""


class StageService:
    """Runs one driver over the log until it is told to stop."""

    def __init__(self, name: str, driver: Driver, log: Log, settings: ServiceSettings) -> None:
        self.name = name
        self._driver = driver
        self._log = log
        self._settings = settings
        self._realtime = settings.session.realtime
        self._order_log = OrderLog()
        self._snapshots: SnapshotStore = WitnessedSnapshots(log, settings.witness_dir)
        writers = {
            producer: NumberedWriter(
                log,
                producer,
                session_id=settings.session.session_id,
                config=settings.config_hash,
                hold_s=STANDBY_HOLD_S if settings.standby else 0.0,
            )
            for producer in driver.producers
        }
        self._core = StageCore(name, driver, writers, self)
        self._fused = len(driver.producers) > 1
        self._taken: Delivered | None = None
        self._wake = asyncio.Event()
        self._news = False
        self._failure: Exception | None = None
        self._expects_end = False
        """The end of an interval is on its way on the connection that rests."""
        self._running = False
        self._stopping = False
        self._pending: Snapshot | None = None
        self._snapshot_at = time.monotonic()
        self._saving: asyncio.Task[None] | None = None
        self._letters: set[asyncio.Task[None]] = set()
        self._snapshot_name = f"{name}-standby" if settings.standby else name
        self.health = Health(self._snapshot_name)
        self.on_output: Callable[[str, int, Message], None] | None = None
        """Called with producer, number and output as it is made: a fused ingest learns of `done` by it."""

    def decode_with(self, decode: Callable[[Delivered], Message]) -> None:
        """Read messages by `decode`, which may have them as objects already."""
        self._core.decode = decode

    async def start(self) -> None:
        """Restore the last snapshot and begin to read. Raises what makes that impossible."""
        await self._snapshots.open()
        epoch = await self._log.genesis()
        found = await self._snapshots.load(self._snapshot_name)
        if found is None and self._settings.standby:
            found = await self._snapshots.load(self.name)
        snapshot = usable(found, epoch, self._settings.config_hash, self.name)

        def open_reader(families: tuple[Family, ...], cursor: Cursor) -> LogReader:
            arrived = self._approval_arrived if families == ("ord",) else None
            # Our own outputs wake nobody: they are looked at when something else does, or at the next tick.
            read = families[0] in self._driver.families
            patient = not read or families[0] != self._urgent
            wake = self._arrived if read else None
            return LogReader(
                self._log, families, cursor, wake=wake, arrived=arrived, patient=patient,
                passes_over=self._driver.ignores if read else frozenset(),
                recognises=None if read else self._core.recognises,
            )  # fmt: skip

        if self._settings.session.realtime:
            await self._open_patient()
        self._log.after(self._on_delivered)
        await self._core.start(epoch, snapshot, open_reader)
        if snapshot is not None and snapshot.code_hash != code_hash() and not await self._drained():
            raise Halt(
                f"{self.name}: the snapshot was made by other code ({snapshot.code_hash}, this is "
                f"{code_hash()}) and the log holds messages after it: start that code again, let it drain "
                "(penstock down), then upgrade"
            )
        self.health.state = "catching up"
        _log.info("started", restored=snapshot is not None, mark=self._driver.last_mark)

    async def _open_patient(self) -> None:
        """Have what is not urgent read in one go; but the end of an interval is always awaited."""
        await self._log.open_patient(REST_S, self._may_rest)
        upstream = self._driver.families[-1]
        if upstream != self._urgent:
            kind = "mark" if upstream == "md" else "done"
            await self._log.ring(f"p{self._log.partition}.{upstream}.*.{kind}.>", self._end_announced)

    @property
    def _urgent(self) -> Family | None:
        return "md" if self._fused else PLACES[self._driver.producers[0]].urgent

    def _may_rest(self) -> bool:
        core = self._core
        return core.live and not self._expects_end and self._driver.wants == self._driver.families[-1]

    def _end_announced(self) -> None:
        self._expects_end = True
        self._log.hurry()

    async def _drained(self) -> bool:
        """Whether the log holds nothing that the stage could take after its snapshot."""
        # Polled: what was read already comes once more, and wakes nobody.
        while (idle := self._core.idle) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return idle

    def stop(self) -> None:
        """Stop after what was read is published and confirmed."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Read, feed, publish, until `stop`. Raises what makes going on wrong."""
        every_s = self._settings.report_interval_s
        reporter = asyncio.create_task(report_for_ever(self.health, self._log, self._refresh, every_s))
        ticker = asyncio.create_task(self._tick())
        for task in (reporter, ticker):
            task.add_done_callback(lambda _: self._wake.set())
        core = self._core
        self._running = True
        try:
            while not self._stopping:
                self._wake.clear()
                surface(reporter, ticker)
                if self._failure is not None:
                    raise self._failure
                busy = self._turn()
                if self._pending is None and time.monotonic() >= self._snapshot_at:
                    self._pending = core.snapshot(self._settings.config_hash, code_hash())
                self._save_if_confirmed()
                await (asyncio.sleep(0) if busy else self._wake.wait())
            self._running = False
            await self._drain()
        finally:
            self._running = False
            reporter.cancel()
            ticker.cancel()

    def _turn(self) -> bool:
        """Read, feed, publish what is there. Returns whether there may be more."""
        core = self._core
        busy = core.read_back()
        began = time.perf_counter()
        fed = core.feed(_BURST)
        core.pump()
        self._log.flush()
        if fed:
            self.health.turns.add((time.perf_counter() - began) * 1e6)
            self._order_log.write()
            busy = True
        if self._driver.wants != self._driver.families[-1]:
            self._log.hurry()
        return busy

    def _arrived(self) -> None:
        """A message has come: act on it with all others that come with it, or have the loop do so."""
        if self._log.handing_over:
            self._news = True
        else:
            self._wake.set()

    def _on_delivered(self) -> None:
        """Act right where the bytes came in: the loop's next turn may be some way off."""
        if not self._news or not self._running:
            return
        self._news = False
        try:
            if self._turn():
                self._wake.set()
        except Exception as error:  # raised in the loop
            self._failure = error
            self._wake.set()

    # --- What the core says --------------------------------------------------------------------------

    def took(self, delivered: Delivered) -> None:
        """Count."""
        self.health.events += 1
        self._taken = delivered
        if delivered.kind in CLOSING and delivered.family == self._driver.families[-1]:
            self._expects_end = False

    def made(self, producer: str, number: int, message: Message, *, known: bool) -> None:
        """Count, and tell who listens."""
        health = self.health
        health.outputs += not known
        health.tally.made(message, known=known)
        if self._realtime and not known:
            if type(message) is Done:
                self._ended_interval(producer)
            else:
                self._order_log.made(message, self._core.writers[producer].traceparent)
        if self._fused and producer == "risk" and type(message) is OrderApproved and self._taken is not None:
            self._measure(self._taken.received_ns)  # in this process execution has it at once
        if self.on_output is not None:
            self.on_output(producer, number, message)

    def _ended_interval(self, producer: str) -> None:
        """How long the end of an interval took from ingest's mark."""
        received_ns = self._taken.received_ns if self._taken is not None and self._core.live else 0
        if received_ns:
            histogram = self.health.intervals.setdefault(producer, LatencyHistogram())
            histogram.add((time.time_ns() - received_ns) / 1000)

    def unreadable(self, delivered: Delivered, error: UnreadableMessage) -> None:
        """Keep the message, once, for an operator to look at."""
        self.health.errors += 1
        self.health.error = str(error)
        self.health.tally.count("penstock_dead_letters_total")
        _log.error("dead_letter", sequence=delivered.sequence, subject=delivered.subject, error=str(error))
        # One service for each family keeps them: the stage after its producer.
        if self.name != "execution" and delivered.family == self._driver.families[-1]:
            letter = asyncio.create_task(self._log.dead_letter(delivered, str(error)))
            self._letters.add(letter)
            letter.add_done_callback(self._letters.discard)

    def _approval_arrived(self, subject: str, block: bytes) -> None:
        if ".approved." in subject:
            self._measure(received_in(block))

    def _measure(self, received_ns: int) -> None:
        """How long an approval took from the tick that it goes back to.

        Counted where it arrives: a live gateway sends then, and only the paper venue, whose time is the
        event's, takes it up with the next interval.
        """
        if received_ns and self._core.live:
            self.health.latency.add((time.time_ns() - received_ns) / 1000)

    # --- Snapshots, end, health ----------------------------------------------------------------------

    def _save_if_confirmed(self) -> None:
        pending = self._pending
        if pending is None or (self._saving is not None and not self._saving.done()):
            return
        if self._core.covers(pending):
            self._pending = None
            self._snapshot_at = time.monotonic() + self._settings.snapshot_interval_s
            self._saving = asyncio.create_task(self._save(pending))

    async def _save(self, snapshot: Snapshot) -> None:
        try:
            await self._snapshots.save(self._snapshot_name, snapshot)
        except Unavailable as error:
            self.health.errors += 1
            self.health.error = str(error)
            _log.warning("snapshot_not_saved", error=str(error))

    async def _drain(self) -> None:
        self.health.state = "draining"
        core = self._core
        deadline = time.monotonic() + _DRAIN_S
        while core.unconfirmed:
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.name}: outputs stayed unconfirmed while draining")
            self._wake.clear()
            if not core.read_back():
                core.pump()
                await self._wake.wait()
        if self._saving is not None:
            await self._saving
        last = core.snapshot(self._settings.config_hash, code_hash())
        if last is not None:
            await self._save(last)
        self.health.state = "stopped"
        await self.health.send(self._log)

    async def _tick(self) -> None:
        """Wake the loop for what only time brings; ask the server why when confirmation stays away."""
        writers = self._core.writers.values()
        confirmed: list[int] = []
        still_since = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = [writer.confirmed for writer in writers]
            if now != confirmed or not self._core.unconfirmed:
                confirmed, still_since = now, time.monotonic()
            elif time.monotonic() - still_since > _STILL_S and self._core.live:
                still_since = time.monotonic()
                await self._ask_why()
            self._wake.set()

    async def _ask_why(self) -> None:
        for writer in self._core.writers.values():
            try:
                await writer.ask_why()
            except Unavailable as error:
                _log.warning("writer_unanswered", error=str(error))

    def _refresh(self) -> None:
        health = self.health
        if health.state == "catching up" and self._core.live:
            health.state = "running"
        health.mark = self._driver.last_mark
        health.lag = self._core.backlog
        health.unconfirmed = self._core.unconfirmed
        health.went_back = sum(writer.went_back for writer in self._core.writers.values())
        health.view = self._driver.describe()


def surface(*tasks: "asyncio.Task[None]") -> None:
    """Raise what ended a task that should run as long as the service."""
    for task in tasks:
        if task.done():
            task.result()
