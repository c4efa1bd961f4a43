"""The recorder: reads every family of the log and writes it to the database, each message once.

A batch of rows and the place in the log after it are one transaction; whatever is cut off (this
process, the database, the connection) therefore happens again from that place, or has happened.
While the database takes one batch the next is read and encoded; there is never more than one on its way.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from penstock_contracts.base import FAMILIES
from penstock_contracts.errors import UnreadableMessage
from penstock_runtime.errors import SessionOver, UnreadableHalt
from penstock_runtime.health import Health, progress_subject, report_for_ever
from penstock_runtime.log import Cursor, Delivered, Log, LogReader
from penstock_runtime.passing import passed_over
from penstock_runtime.service import surface
from penstock_runtime.store.archiver import Archiver
from penstock_runtime.store.cursors import CursorMoved, StoredCursor
from penstock_runtime.tracing.spans import Span

from penstock_recorder.changes import Changes
from penstock_recorder.config import RecorderConfig
from penstock_recorder.database import Database
from penstock_recorder.rows import NOT_STORED, Projection
from penstock_recorder.tracer import TRACED, Tracer

_log = structlog.get_logger(__name__)

NAME = "recorder"
QUARANTINED = frozenset({"md", "feat", "sig"})
"""Families whose unreadable messages are kept as they are; of any other, one stops the recorder."""
_BREATHE_EVERY = 256
_BREATHE_BYTES = 256 << 10
"""Messages, or bytes of them, after which others of this process have a turn: the database's connection."""
_IDLE_S = 0.1
_DRAIN_S = 5.0


class Recorder:
    """Projects one partition's log into the database, from where it stopped."""

    def __init__(
        self,
        log: Log,
        database: Database,
        config: RecorderConfig,
        archiver: Archiver | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._log = log
        self._config = config
        self._database = database
        self._archiver = archiver
        self._tracer = tracer
        self._session = database.key.session
        self._committed: StoredCursor | None = None
        self._writing: asyncio.Task[None] | None = None
        """The transaction that is on its way."""
        self._passed_over: frozenset[int] = frozenset()
        """Log sequences of unreadable commands that an operator has passed over: kept as they are."""
        self._projection = Projection(self._session)
        self.health = Health(NAME)

    @property
    def committed(self) -> StoredCursor | None:
        """How far the session is recorded; None before anything is."""
        return self._committed

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set, then write what was read.

        Raises SessionOver when another session began, Halt for what must not be passed over.
        """
        reports = [
            asyncio.create_task(self._tell_regularly(), name="progress"),
            asyncio.create_task(report_for_ever(self.health, self._log, self._refresh), name="health"),
        ]
        if self._archiver is not None:
            reports.append(asyncio.create_task(self._archive(self._archiver), name="archive"))
        working = asyncio.create_task(self._work(stop), name="recorder")
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopped, *reports}, return_when=asyncio.FIRST_COMPLETED)
            # While the database is away there is nothing to wait for: the log keeps what is not written.
            surface(*reports)
            async with asyncio.timeout(_DRAIN_S if not working.done() else None):
                await working
        except TimeoutError:
            _log.warning("stopped_unwritten", error="the database is away; the log keeps what is missing")
        finally:
            for task in (working, stopped, *reports):
                task.cancel()
            await asyncio.gather(working, stopped, *reports, return_exceptions=True)
            if self._tracer is not None:
                self._tracer.close()
        self.health.state = "stopped"
        await self.health.send(self._log)

    async def _archive(self, archiver: Archiver) -> None:
        await self._database.prepare()
        await archiver.run()

    async def _work(self, stop: asyncio.Event) -> None:
        await self._database.prepare()
        while not stop.is_set():
            try:
                async with self._reader() as reader:
                    await self._record(reader, stop)
            except CursorMoved as moved:
                # Another recorder was faster, or the database came back without its last moments.
                _log.warning("cursor_moved", error=str(moved))

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[LogReader]:
        self._passed_over = await passed_over(self._log)
        stored = await self._database.cursor()
        self._committed = stored
        self._projection = Projection(self._session, stored.mark if stored else 0)
        cursor = Cursor.from_json(stored.cursor) if stored else None
        reader = await self._log.reader(FAMILIES, cursor, passes_over=NOT_STORED)
        if self._tracer is not None:
            await self._tracer.begin(self._log, stored.sequence if stored else 0)
        self.health.state = "running"
        _log.info("recording", session=self._session, sequence=stored.sequence if stored else 0)
        try:
            yield reader
        finally:
            await reader.stop()

    async def _record(self, reader: LogReader, stop: asyncio.Event) -> None:
        over: SessionOver | None = None
        stopping = False
        try:
            while over is None and not stopping:
                stopping = stop.is_set()
                over = await self._collect(reader, stop)
                await self._flush(reader)
            await self._written()
        finally:
            await self._give_up_writing()
        if over is not None:
            raise over

    async def _collect(self, reader: LogReader, stop: asyncio.Event) -> SessionOver | None:
        """Take messages until the batch is full or old enough; when stopping, those that wait.

        Returns what tells that the session is over once everything of it was taken.
        """
        clock = asyncio.get_running_loop().time
        messages = size = breathed = 0
        due = float("inf")
        # What was stored together is written together: the place after it is a place in the log.
        while reader.within or (
            messages < self._config.batch_messages_max and size < self._config.batch_bytes_max
        ):
            try:
                delivered = _poll(reader)
            except SessionOver as over:
                return over
            if delivered is not None:
                if not messages:
                    due = clock() + self._config.batch_interval_ms / 1000
                messages += 1
                size += len(delivered.data)
                self._project(delivered)
                if messages % _BREATHE_EVERY == 0 or size - breathed > _BREATHE_BYTES:
                    breathed = size
                    await asyncio.sleep(0)
            elif stop.is_set() or clock() >= due:
                break
            else:
                if self._writing is not None and self._writing.done():
                    await self._written()  # one that failed is told of before more comes
                await reader.wait(min(_IDLE_S, max(due - clock(), 0.001)))
        self.health.events += messages
        self.health.lag = reader.backlog
        return None

    def _project(self, delivered: Delivered) -> None:
        family, kind = delivered.family, delivered.kind
        try:
            message = delivered.decode()
            if kind == "session" and message.session_id != self._session:
                raise SessionOver(f"the log's session is {message.session_id}, not {self._session}")
            self._projection.take(delivered.sequence, message)
            if self._tracer is not None and family in TRACED:
                self._tracer.take(delivered, message)
        except UnreadableMessage as error:
            if family not in QUARANTINED and delivered.sequence not in self._passed_over:
                raise UnreadableHalt(f"{delivered.subject} at {delivered.sequence}: {error}") from error
            self._quarantine(delivered, str(error))

    def _quarantine(self, delivered: Delivered, why: str) -> None:
        self.health.errors += 1
        self.health.error = why
        _log.warning("quarantined", subject=delivered.subject, sequence=delivered.sequence, why=why)
        self._projection.quarantine(delivered.sequence, delivered.family, delivered.kind, why, delivered.data)

    async def _flush(self, reader: LogReader) -> None:
        """Begin to write what was collected, and the place after it, once what came before is written."""
        cursor, mark = reader.cursor(), self._projection.mark
        await self._written()
        before = self._committed.sequence if self._committed else None
        if before == cursor.sequence or not cursor.digest:  # nothing was read
            return
        after = StoredCursor(self._session, cursor.sequence, mark, cursor.to_json())
        spans = self._tracer.drain() if self._tracer is not None else []
        work = self._write(self._projection.drain(), before, after, spans)
        self._writing = asyncio.create_task(work, name="write")

    async def _write(
        self, changes: Changes, before: int | None, after: StoredCursor, spans: list[Span]
    ) -> None:
        began_ns = time.time_ns()
        await self._database.write(changes, before, after)
        self._committed = after
        if self._tracer is not None:
            self._tracer.committed(spans, began_ns)
        await self._tell()

    async def _written(self) -> None:
        """Wait for the transaction that is on its way, if any; raises what stopped it."""
        writing = self._writing
        if writing is not None:
            await asyncio.shield(writing)
            self._writing = None

    async def _give_up_writing(self) -> None:
        """Leave the transaction that is on its way: it happens as a whole or not at all."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _tell(self) -> None:
        if self._committed is not None:
            place = {"mark": self._committed.mark, "sequence": self._committed.sequence}
            if self._archiver is not None:
                place["archived"] = self._archiver.place
            await self._log.publish_core(progress_subject(self._log.partition), json.dumps(place).encode())

    async def _tell_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._config.progress_interval_ms / 1000)
            await self._tell()

    def _refresh(self) -> None:
        committed = self._committed
        self.health.mark = committed.mark if committed else 0
        if self._archiver is not None and self._archiver.error:
            self.health.error = self._archiver.error
        if self._tracer is not None:
            self._tracer.tell(self.health.tally)
        self.health.view = {
            "sequence": committed.sequence if committed else 0,
            "rows": self._database.rows,
            "transactions": self._database.transactions,
            "archived": self._archiver.place if self._archiver is not None else 0,
            "database": "away" if self._database.away else "there",
        }


def _poll(reader: LogReader) -> Delivered | None:
    try:
        return reader.poll()
    except UnreadableMessage as error:
        raise UnreadableHalt(f"envelope of the message at {reader.sequence}: {error}") from error
