"""The service loop: read one family at a time, feed the driver, publish, confirm, snapshot."""

import asyncio
import time
from collections.abc import Callable

import structlog
from penstock_contracts.base import Family, Message
from penstock_contracts.errors import UnreadableMessage
from penstock_kernel.topology import PLACES

from penstock_runtime.drivers import Driver
from penstock_runtime.errors import Halt, Unavailable, UnreadableHalt
from penstock_runtime.health import Health, report_for_ever
from penstock_runtime.log import Cursor, Delivered, Log, LogReader, NumberedWriter
from penstock_runtime.log.writer import Cause, Output
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.snapshots import VERSION, Snapshot, SnapshotStore
from penstock_runtime.version import code_hash

_log = structlog.get_logger(__name__)

_BURST = 512
"""Messages fed between two looks at the other readers."""
_TICK_S = 0.1
_STILL_S = 3.0
"""After so long without confirmation the server is asked why."""
_DRAIN_S = 8.0


class StageService:
    """Runs one driver over the log until it is told to stop."""

    def __init__(self, name: str, driver: Driver, log: Log, settings: ServiceSettings) -> None:
        self.name = name
        self._driver = driver
        self._log = log
        self._settings = settings
        self._snapshots = SnapshotStore(log)
        self._readers: dict[Family, LogReader] = {}
        self._own: LogReader | None = None
        self._writers = {
            producer: NumberedWriter(
                log, producer, session_id=settings.session.session_id, config=settings.config_hash
            )
            for producer in driver.producers
        }
        self._wake = asyncio.Event()
        self._stopping = False
        self._session_epoch = 0
        self._pending: Snapshot | None = None
        self._snapshot_at = time.monotonic()
        self._saving: asyncio.Task[None] | None = None
        self._letters: set[asyncio.Task[None]] = set()
        self.health = Health(name)
        self.on_output: Callable[[str, int, Message], None] | None = None
        """Called with producer, number and output as it is made: a fused ingest learns of `done` by it."""

    async def start(self) -> None:
        """Restore the last snapshot and begin to read. Raises what makes that impossible."""
        await self._snapshots.open()
        self._session_epoch = await self._log.genesis()
        snapshot = await self._restorable()
        cursors: dict[str, Cursor] = {}
        made = dict.fromkeys(self._driver.producers, 0)
        own = Cursor(self._session_epoch)
        if snapshot is not None:
            self._driver.restore(snapshot.state)
            cursors, own, made = snapshot.cursors, snapshot.own, snapshot.made
        for family in self._driver.families:
            self._readers[family] = await self._reader((family,), cursors.get(family))
        self._own = await self._reader(tuple(PLACES[each].family for each in self._driver.producers), own)
        for producer, writer in self._writers.items():
            place = own.places.get(producer)
            writer.begin(self._session_epoch, made[producer], place.next_index - 1 if place else 0)
        self.health.state = "catching up"
        _log.info("started", restored=snapshot is not None, mark=self._driver.last_mark, made=made)

    async def _reader(self, families: tuple[Family, ...], cursor: Cursor | None) -> LogReader:
        reader = LogReader(self._log, families, cursor or Cursor(self._session_epoch))
        reader.wake = self._wake
        await reader.start()
        return reader

    async def _restorable(self) -> Snapshot | None:
        snapshot = await self._snapshots.load(self.name)
        if snapshot is None or snapshot.session_epoch != self._session_epoch:
            return None
        if snapshot.config_hash != self._settings.config_hash:
            raise Halt(f"{self.name}: the snapshot was made under configuration {snapshot.config_hash}")
        if snapshot.code_hash != code_hash():
            _log.warning("code_changed", was=snapshot.code_hash, now=code_hash())
        return snapshot

    def stop(self) -> None:
        """Stop after what was read is published and confirmed."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Read, feed, publish, until `stop`. Raises what makes going on wrong."""
        reporter = asyncio.create_task(report_for_ever(self.health, self._log, self._refresh))
        ticker = asyncio.create_task(self._tick())
        try:
            while not self._stopping:
                self._wake.clear()
                busy = self._read_back()
                busy = self._feed() or busy
                for writer in self._writers.values():
                    writer.pump()
                if self._pending is None and time.monotonic() >= self._snapshot_at:
                    self._take_snapshot()
                self._save_if_confirmed()
                await (asyncio.sleep(0) if busy else self._wake.wait())
            await self._drain()
        finally:
            reporter.cancel()
            ticker.cancel()

    def _read_back(self) -> bool:
        own = self._own
        assert own is not None
        busy = False
        while (delivered := own.poll()) is not None:
            origin = delivered.origin
            if origin is not None:
                self._writers[origin.producer].read_back(delivered)
            busy = True
        if not busy and self.health.state == "catching up" and own.at_tail:
            for writer in self._writers.values():
                writer.live = True
            self.health.state = "running"
            _log.info("live", confirmed={each: w.confirmed for each, w in self._writers.items()})
            busy = True
        return busy

    def _feed(self) -> bool:
        fed = 0
        driver = self._driver
        while fed < _BURST:
            delivered = self._readers[driver.wants].poll()
            if delivered is None:
                break
            fed += 1
            message = self._decode(delivered)
            if message is None:
                continue
            produced = driver.feed(message)
            if produced:
                self._publish(produced, delivered)
        self.health.events += fed
        return fed > 0

    def _publish(self, produced: list[tuple[str, Message]], delivered: Delivered) -> None:
        cause = Cause.of(delivered)
        for producer, message in produced:
            ts = getattr(message, "ts", 0)
            output: Output | None = self._writers[producer].put(
                message, ts if isinstance(ts, int) else self._driver.last_mark, cause
            )
            self.health.outputs += output is not None
            if self.on_output is not None:
                self.on_output(producer, self._writers[producer].made, message)

    def _decode(self, delivered: Delivered) -> Message | None:
        if delivered.kind == "approved" and delivered.received_ns and self.health.state == "running":
            self.health.latency.add((time.time_ns() - delivered.received_ns) / 1000)
        try:
            return delivered.decode()
        except UnreadableMessage as error:
            self.health.errors += 1
            self.health.error = str(error)
            if delivered.family in ("ord", "ven", "ctl"):
                raise UnreadableHalt(f"{delivered.subject} at {delivered.sequence}: {error}") from error
            _log.error(
                "dead_letter", sequence=delivered.sequence, subject=delivered.subject, error=str(error)
            )
            return None

    def _take_snapshot(self) -> None:
        own = self._own
        if not self._driver.at_boundary() or not self._driver.last_mark or own is None:
            return
        self._pending = Snapshot(
            version=VERSION,
            session_epoch=self._session_epoch,
            config_hash=self._settings.config_hash,
            code_hash=code_hash(),
            state=self._driver.snapshot(),
            cursors={family: reader.cursor() for family, reader in self._readers.items()},
            own=own.cursor(),
            made={producer: writer.made for producer, writer in self._writers.items()},
        )

    def _save_if_confirmed(self) -> None:
        pending = self._pending
        if pending is None or (self._saving is not None and not self._saving.done()):
            return
        if all(writer.confirmed >= pending.made[each] for each, writer in self._writers.items()):
            self._pending = None
            self._snapshot_at = time.monotonic() + self._settings.snapshot_interval_s
            self._saving = asyncio.create_task(self._save(pending))

    async def _save(self, snapshot: Snapshot) -> None:
        try:
            await self._snapshots.save(self.name, snapshot)
        except Unavailable as error:
            self.health.errors += 1
            self.health.error = str(error)
            _log.warning("snapshot_not_saved", error=str(error))

    async def _drain(self) -> None:
        self.health.state = "draining"
        deadline = time.monotonic() + _DRAIN_S
        while any(writer.unconfirmed for writer in self._writers.values()):
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.name}: outputs stayed unconfirmed while draining")
            self._wake.clear()
            if not self._read_back():
                for writer in self._writers.values():
                    writer.pump()
                await self._wake.wait()
        if self._saving is not None:
            await self._saving
        self._take_snapshot()
        if self._pending is not None:
            await self._save(self._pending)
        self.health.state = "stopped"
        await self.health.send(self._log)

    async def _tick(self) -> None:
        still_since = time.monotonic()
        confirmed: list[int] = []
        while True:
            await asyncio.sleep(_TICK_S)
            now = [writer.confirmed for writer in self._writers.values()]
            if now != confirmed or not any(writer.unconfirmed for writer in self._writers.values()):
                confirmed, still_since = now, time.monotonic()
            elif time.monotonic() - still_since > _STILL_S:
                still_since = time.monotonic()
                await asyncio.gather(*(writer.ask_why() for writer in self._writers.values() if writer.live))
            self._wake.set()

    def _refresh(self) -> None:
        health = self.health
        health.mark = self._driver.last_mark
        health.lag = sum(reader.backlog for reader in self._readers.values())
        health.view = self._driver.describe()
