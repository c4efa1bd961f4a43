"""A log whose beginning has left it, archived before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock_runtime.log import Log
from penstock_runtime.log.consumer import identity
from penstock_runtime.store.archive import Archive
from penstock_runtime.store.archiver import Archiver
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import open_pool


@asynccontextmanager
async def archiver(log: Log, postgres_url: str, age_max_s: float = 1e6) -> AsyncIterator[Archiver]:
    """An archiver on a migrated database."""
    await migrate(postgres_url)
    pool = await open_pool(postgres_url, name="test")
    try:
        yield Archiver(log, Archive(pool), age_max_s)
    finally:
        pool.terminate()


async def age_out(log: Log, postgres_url: str, until: int, *, archived: int | None = None) -> None:
    """Have all up to a sequence leave the log, archived before up to `archived` (default: all of it)."""
    async with archiver(log, postgres_url) as archive:
        await archive.look()
        last = until if archived is None else archived
        if archive.place < last:
            await archive.archive(identity(await log.js.stream_info(log.stream)), last)
    await log.js.purge_stream(log.stream, seq=until + 1)
