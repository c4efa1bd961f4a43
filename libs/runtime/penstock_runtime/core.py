"""What a stage's service does, without waiting for anything: feed, number, read back, snapshot.

The async shell in `penstock_runtime.service` decides when; a simulation may decide otherwise.
"""

import time
from collections.abc import Callable
from typing import Protocol

import structlog
from penstock_contracts.base import Family, Message
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.headers import Origin
from penstock_kernel.errors import HaltError
from penstock_kernel.topology import PLACES

from penstock_runtime import failpoints
from penstock_runtime.drivers import Driver
from penstock_runtime.errors import Halt, UnreadableHalt
from penstock_runtime.log import Cursor, Delivered, LogReader, NumberedWriter
from penstock_runtime.log.lineage import LEADING, Lineage
from penstock_runtime.log.writer import Cause
from penstock_runtime.snapshots import VERSION, Snapshot

_log = structlog.get_logger(__name__)


class Observer(Protocol):
    """Hears of what a service does; all of it optional to act on."""

    def took(self, delivered: Delivered) -> None:
        """A message was taken for the stage."""
        ...

    def made(self, producer: str, number: int, message: Message, *, known: bool) -> None:
        """An output was made; `known` when the log holds it already."""
        ...

    def unreadable(self, delivered: Delivered, error: UnreadableMessage) -> None:
        """A message of md, feat or sig could not be read and is passed over."""
        ...


class StageCore:
    """One driver with its readers and writers."""

    def __init__(
        self, name: str, driver: Driver, writers: dict[str, NumberedWriter], observer: Observer
    ) -> None:
        self.name = name
        self.driver = driver
        self.writers = writers
        self._lineage = Lineage()
        for writer in writers.values():
            writer.lineage = self._lineage
        self.decode: Callable[[Delivered], Message] = Delivered.decode
        """How messages are read; who has one as an object already may say so."""
        self.live = False
        """Everything that the log held of our outputs at the start was read: we may publish."""
        self._observer = observer
        self._readers: dict[Family, LogReader] = {}
        self._own: LogReader | None = None
        self._session_epoch = 0

    async def start(
        self,
        session_epoch: int,
        snapshot: Snapshot | None,
        open_reader: Callable[[tuple[Family, ...], Cursor], "LogReader"],
    ) -> None:
        """Restore the snapshot and begin to read after it, or at the session's genesis."""
        self._session_epoch = session_epoch
        genesis = Cursor(session_epoch)
        cursors: dict[str, Cursor] = {}
        made = dict.fromkeys(self.driver.producers, 0)
        own = genesis
        if snapshot is not None:
            self.driver.restore(snapshot.state)
            self._lineage.restore(snapshot.lineage)
            failpoints.hit("after_restore")
            cursors, own, made = snapshot.cursors, snapshot.own, snapshot.made
        for family in self.driver.families:
            self._readers[family] = open_reader((family,), cursors.get(family, genesis))
        self._own = open_reader(tuple(PLACES[each].family for each in self.driver.producers), own)
        for reader in (*self._readers.values(), self._own):
            await reader.start()
        for producer, writer in self.writers.items():
            place = own.places.get(producer)
            writer.begin(session_epoch, made[producer], place.next_index - 1 if place else 0)

    async def stop(self) -> None:
        """Stop reading."""
        for reader in (*self._readers.values(), self._own):
            if reader is not None:
                await reader.stop()

    @property
    def idle(self) -> bool | None:
        """Whether the log holds nothing that may be taken next; None until the log has said.

        What other families hold of an interval that has not begun here may lie there, and does not count.
        """
        reader = self._readers[self.driver.wants]
        if reader.at_tail:
            return True
        return False if reader.backlog else None

    @property
    def backlog(self) -> int:
        """Messages that wait to be taken."""
        return sum(reader.backlog for reader in self._readers.values())

    @property
    def unconfirmed(self) -> int:
        """Outputs made that the log is not known to hold."""
        return sum(writer.unconfirmed for writer in self.writers.values())

    def recognises(self, last: Origin, data: bytes) -> bool:
        """Whether a frame in the log is one of ours, byte for byte."""
        writer = self.writers.get(last.producer)
        return writer is not None and writer.recognises(last, data)

    def read_back(self) -> bool:
        """Take note of our outputs in the log. Returns whether there was news.

        Raises OutputDiffers when the log holds another output under our number.
        """
        own = self._own
        assert own is not None
        busy = False
        while (delivered := own.poll()) is not None:
            origin = delivered.origin
            if origin is not None:
                self.writers[origin.producer].read_back(delivered)
            busy = True
        if not busy and not self.live and own.at_tail:
            for writer in self.writers.values():
                writer.live = True
            self.live = busy = True
            _log.info("live", confirmed={each: w.confirmed for each, w in self.writers.items()})
        return busy

    def feed(self, most: int) -> int:
        """Take up to `most` messages, of the family that is wanted each time. Returns how many there were.

        Raises UnreadableHalt for an unreadable message of ord, ven or ctl, or end of an interval.
        """
        driver = self.driver
        fed = 0
        while fed < most:
            delivered = self._readers[driver.wants].poll()
            if delivered is None:
                break
            fed += 1
            self._observer.took(delivered)
            taken_ns = time.time_ns()
            try:
                message = self.decode(delivered)
            except UnreadableMessage as error:
                # Without the end of an interval everything would wait for it, for ever and in silence.
                if delivered.family in ("ord", "ven", "ctl") or delivered.kind in ("done", "mark"):
                    raise UnreadableHalt(f"{delivered.subject} at {delivered.sequence}: {error}") from error
                self._observer.unreadable(delivered, error)
                continue
            if type(message) in LEADING:
                self._lineage.took(message, delivered.block)
            try:
                produced = driver.feed(message)
            except HaltError as error:
                raise Halt(f"{self.name}: {delivered.subject} at {delivered.sequence}: {error}") from error
            if produced:
                self._put(produced, Cause.of(delivered, taken_ns))
        return fed

    def _put(self, produced: list[tuple[str, Message]], cause: Cause) -> None:
        for producer, message in produced:
            ts = getattr(message, "ts", 0)
            writer = self.writers[producer]
            output = writer.put(message, ts if isinstance(ts, int) else self.driver.last_mark, cause)
            self._observer.made(producer, writer.made, message, known=output is None)

    def pump(self) -> None:
        """Publish what may be published."""
        for writer in self.writers.values():
            writer.pump()

    def snapshot(self, config_hash: str, code_hash: str) -> Snapshot | None:
        """The state with its place, or None where none can be taken now. It counts once `covers` says so."""
        own = self._own
        if own is None or not self.driver.at_boundary() or not self.driver.last_mark:
            return None
        return Snapshot(
            version=VERSION,
            session_epoch=self._session_epoch,
            config_hash=config_hash,
            code_hash=code_hash,
            state=self.driver.snapshot(),
            cursors={family: reader.cursor() for family, reader in self._readers.items()},
            own=own.cursor(),
            made={producer: writer.made for producer, writer in self.writers.items()},
            lineage=self._lineage.state(),
        )

    def covers(self, snapshot: Snapshot) -> bool:
        """Whether every output up to the snapshot is confirmed: only then may it replace an older one."""
        return all(writer.confirmed >= snapshot.made[each] for each, writer in self.writers.items())


def usable(snapshot: Snapshot | None, session_epoch: int, config_hash: str, name: str) -> Snapshot | None:
    """The snapshot if it is of this session. Halt when it was made under another configuration."""
    if snapshot is None or snapshot.session_epoch != session_epoch:
        return None
    if snapshot.config_hash != config_hash:
        raise Halt(f"{name}: the snapshot was made under configuration {snapshot.config_hash}")
    return snapshot
