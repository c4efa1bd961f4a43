"""A session's log read back after the fact: its server started where none runs, its record as iterators."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from penstock_contracts.base import Family
from penstock_contracts.control import Session
from penstock_contracts.errors import UnreadableMessage
from penstock_kernel.topology import PRODUCER_OF
from penstock_research.tapes import Recorded
from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log import Log, LogReader
from penstock_runtime.store.archive import DatabasePast

from penstock.errors import CannotRun, CommandError
from penstock.launch.paths import DataDir, Running, SessionFolder
from penstock.launch.servers import STORE_BYTES

CHUNK = 1000
"""Messages read in one go."""
WAIT_S = 1.0


def document_of(folder: SessionFolder) -> dict[str, Any]:
    """The resolved configuration in a session's folder. CommandError when it cannot be read."""
    try:
        document = json.loads(folder.config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{folder.config}: cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise CommandError(f"{folder.config}: not a JSON object")
    return document


def partition_of(folder: SessionFolder) -> int:
    """The partition that a session trades."""
    return int(document_of(folder).get("session", {}).get("partition", 0))


@asynccontextmanager
async def session_log_of(
    folder: SessionFolder, partition: int, *, postgres_url: str = ""
) -> AsyncIterator[Log]:
    """The log of a session, running or not.

    Where no server runs on its folder one is started for the time, and nothing is written to the log. What
    has left it is read from the archive in the database, which is started too where that is so, unless its
    address is given. CannotRun when the log cannot be reached, CommandError when there is none.
    """
    data_dir = DataDir(folder.path.parent.parent)
    running = data_dir.running()
    if running is not None and running.session_id == folder.session_id:
        async with _connected(running.nats_url, partition) as log:
            log.past = DatabasePast(lambda: running.postgres_url)
            yield log
        return
    server = EmbeddedNats(folder.path, file_store_bytes=STORE_BYTES)
    if not server.store_dir.is_dir():
        raise CommandError(f"session {folder.session_id} has no log: {server.store_dir} is not there")
    try:
        await server.start()
    except EmbeddedServerError as error:
        raise CannotRun(str(error)) from error
    try:
        async with (
            _connected(server.url, partition) as log,
            _past_of(data_dir, running, log, postgres_url) as past,
        ):
            log.past = past
            yield log
    finally:
        await server.stop()


@asynccontextmanager
async def _past_of(
    data_dir: DataDir, running: Running | None, log: Log, postgres_url: str
) -> AsyncIterator[DatabasePast | None]:
    """The archive, where the log no longer begins at its beginning."""
    if not await log.begins_later():
        yield None
    elif postgres_url:
        yield DatabasePast(lambda: postgres_url)
    elif running is not None:  # another session has the database
        yield DatabasePast(lambda: running.postgres_url)
    else:
        database = EmbeddedPostgres(data_dir.postgres)
        try:
            await database.start()
        except EmbeddedServerError as error:
            raise CannotRun(str(error)) from error
        try:
            yield DatabasePast(lambda: database.url)
        finally:
            await database.stop()


@asynccontextmanager
async def _connected(url: str, partition: int) -> AsyncIterator[Log]:
    try:
        log = await Log.connect(url, partition=partition, name="cli")
    except RuntimeFailure as error:
        raise CannotRun(str(error)) from error
    try:
        yield log
    finally:
        await log.close()


@dataclass(frozen=True, slots=True)
class Ends:
    """What the log says of the session itself."""

    genesis: Session
    end: Session | None


class RecordedSession:
    """The record of a session up to where its log ended when this was made."""

    def __init__(self, runner: asyncio.Runner, log: Log) -> None:
        self._runner = runner
        self._log = log
        self._last = runner.run(log.last_sequence())
        self._readers: dict[Family, LogReader] = {}

    def ends(self) -> Ends:
        """Genesis and end. CommandError when the log does not reach back to the genesis."""
        control = [each.message for each in self.family("ctl") if each.kind == "session"]
        sessions = [each for each in control if isinstance(each, Session)]
        if not sessions or sessions[0].phase != "genesis":
            raise CommandError(f"{self._log.stream} does not begin with a session")
        ends = [each for each in sessions if each.phase == "end"]
        return Ends(sessions[0], ends[-1] if ends else None)

    def family(self, family: Family) -> Iterator[Recorded]:
        """What every reader takes of a family, in log order."""
        reader = self._runner.run(self._log.reader((family,)))
        self._readers[family] = reader
        return self._messages(reader)

    def holes(self) -> list[str]:
        """What of the families read so far is missing before later numbers."""
        found = []
        for family, reader in self._readers.items():
            counter = reader.counter(PRODUCER_OF[family]) if family in PRODUCER_OF else None
            if counter is not None and counter.missing_since is not None:
                found.append(
                    f"{counter.producer}'s output {counter.next_index} is missing, while later ones are "
                    f"there from sequence {counter.missing_since}"
                )
        return found

    def _messages(self, reader: LogReader) -> Iterator[Recorded]:
        while chunk := self._runner.run(_chunk(reader, self._last)):
            yield from chunk


async def _chunk(reader: LogReader, last: int) -> list[Recorded]:
    """The next messages; none at the end of the record."""
    chunk: list[Recorded] = []
    while len(chunk) < CHUNK and reader.sequence < last:
        try:
            delivered = reader.poll()
        except UnreadableMessage as error:
            raise CommandError(f"after sequence {reader.sequence}: {error}") from error
        if delivered is not None:
            if delivered.sequence > last:
                break
            index = delivered.origin.index if delivered.origin else 0
            chunk.append(Recorded(delivered.sequence, index, delivered.subject, delivered.data))
        elif chunk or reader.at_tail:
            break
        else:
            await reader.wait(WAIT_S)
    return chunk
