"""A session's rows made again from archive and log, compared with what is there, and put in its place.

The projection is made in a database of its own beside the real one; nothing there is touched until the whole
of it is made, and then in one transaction.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from penstock_recorder.config import RecorderConfig
from penstock_recorder.database import Database
from penstock_recorder.service import NAME, Recorder
from penstock_runtime.log import Log
from penstock_runtime.store.cursors import CursorKey
from penstock_runtime.store.pool import Connection, Pool, open_pool
from penstock_runtime.store.rollups import DERIVED
from penstock_runtime.store.tables import columns_of

from penstock.errors import CommandError

SCRATCH = "penstock_rebuild"
_RETRY_S = 1.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Compared:
    """A table's rows of the session: there, and made again."""

    table: str
    there: int
    rebuilt: int
    same: bool


@asynccontextmanager
async def rebuilt(log: Log, pool: Pool, url: str, session: str) -> AsyncIterator[Pool]:
    """A database in which the session's log is recorded, up to its end as of now. It is dropped after."""
    place = urlunsplit(urlsplit(url)._replace(path=f"/{SCRATCH}"))
    await pool.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
    await pool.execute(f"CREATE DATABASE {SCRATCH}")
    try:
        scratch = await open_pool(place, name="rebuild")
        try:
            await _record(log, scratch, place, session)
            yield scratch
        finally:
            scratch.terminate()
    finally:
        await pool.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")


async def compare(pool: Pool, scratch: Pool, session: str) -> list[Compared]:
    """Every table of the projection, row by row in any order."""
    found = []
    for table in await tables_of(scratch):
        there, made = await _sum(pool, table, session), await _sum(scratch, table, session)
        found.append(Compared(table, there[0], made[0], there == made))
    return found


async def replace(pool: Pool, scratch: Pool, session: str) -> None:
    """Put the session's rows, and the place in the log after them, where the others are. All or nothing.

    CommandError when a recorder is further on.
    """
    async with (
        scratch.acquire() as source,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        made: int = await source.fetchval("SELECT max(sequence) FROM cursors WHERE session = $1", session)
        there = await connection.fetchval(
            "SELECT sequence FROM cursors WHERE session = $1 FOR UPDATE", session
        )
        if there is not None and there > made:
            raise CommandError(
                f"session {session} is recorded up to {there}, further than {made}: it goes on"
            )
        for table in (*await tables_of(scratch), "cursors"):
            await _copy(source, connection, table, session)


async def tables_of(pool: Pool) -> list[str]:
    """The tables of the projection."""
    rows = await pool.fetch(_TABLES)
    # Where transactions were cut is no content, and what is derived is made again from the rest.
    return [row["table_name"] for row in rows if row["table_name"] not in {"cursors", *DERIVED}]


async def _record(log: Log, scratch: Pool, url: str, session: str) -> None:
    stop = asyncio.Event()
    last = await log.last_sequence()
    key = CursorKey(session, NAME, log.partition)
    recorder = Recorder(log, Database(scratch, url, key, _RETRY_S), RecorderConfig())
    task = asyncio.create_task(recorder.run(stop))
    try:
        while recorder.committed is None or recorder.committed.sequence < last:
            if task.done():
                break
            await asyncio.sleep(_LOOK_S)
    finally:
        stop.set()
        await task


async def _sum(pool: Pool, table: str, session: str) -> tuple[int, str]:
    row = await pool.fetchrow(_SUM.format(table=table), session)
    return (row["rows"], str(row["sum"])) if row is not None else (0, "")


async def _copy(source: Connection, target: Connection, table: str, session: str) -> None:
    columns = [each.name for each in await columns_of(source, table)]
    names = ", ".join(f'"{each}"' for each in columns)
    await target.execute(f"DELETE FROM {table} WHERE session = $1", session)  # noqa: S608
    with tempfile.TemporaryDirectory(prefix="penstock-rebuild-") as folder:
        file = Path(folder) / "rows"
        await source.copy_from_query(
            f"SELECT {names} FROM {table} WHERE session = $1",  # noqa: S608
            session,
            output=file,
            format="binary",
        )
        await target.copy_to_table(table, source=file, columns=columns, format="binary")


_TABLES = (
    "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t"
    " ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'"
    " WHERE c.table_schema = 'public' AND c.column_name = 'session' ORDER BY 1"
)
_SUM = (
    "SELECT count(*) AS rows, COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0) AS sum"
    " FROM {table} t WHERE session = $1"
)
