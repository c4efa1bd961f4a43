"""The database for a command: the one that an address names, the running session's, or one started for it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock_runtime.embedded import EmbeddedPostgres, EmbeddedServerError
from penstock_runtime.errors import BadConfiguration, RuntimeFailure, Unavailable
from penstock_runtime.store.pool import Pool, PoolSettings, is_lost, is_refused, open_pool
from penstock_runtime.store.schema import Standing, schema_of

from penstock.errors import CannotRun, CommandError, ConfigError
from penstock.launch.paths import DataDir

ADDRESS = "PENSTOCK_POSTGRES_URL"
COMMAND_TIMEOUT_S = 600.0


@asynccontextmanager
async def database_url(data_dir: DataDir) -> AsyncIterator[str]:
    """The database's address: PENSTOCK_POSTGRES_URL, else that of the data directory.

    Where no session runs there, its server is started for the time. CommandError when there is none.
    """
    running = data_dir.running()
    address = os.environ.get(ADDRESS) or (running.postgres_url if running is not None else "")
    if address:
        yield address
        return
    server = EmbeddedPostgres(data_dir.postgres)
    if not server.data.is_dir():
        raise CommandError(f"there is no database in {data_dir.postgres} yet")
    try:
        await server.start()
    except EmbeddedServerError as error:
        raise CannotRun(str(error)) from error
    try:
        yield server.url
    finally:
        await server.stop()


@asynccontextmanager
async def database(data_dir: DataDir) -> AsyncIterator[Pool]:
    """A pool on the database, whose schema is this version's.

    ConfigError when it is not, or when the database does not let us in; CannotRun when it does not answer.
    """
    async with database_url(data_dir) as url, database_at(url) as pool:
        yield pool


@asynccontextmanager
async def database_at(url: str, *, any_schema: bool = False) -> AsyncIterator[Pool]:
    """The same for a known address; `any_schema` takes it as it is."""
    try:
        pool = await open_pool(url, name="cli", settings=PoolSettings(command_timeout_s=COMMAND_TIMEOUT_S))
        try:
            schema = await schema_of(pool)
            if schema.standing is not Standing.CURRENT and not any_schema:
                raise ConfigError(schema.problem)
            yield pool
        finally:
            pool.terminate()
    except Exception as error:
        raise told(error) from error


def told(error: Exception) -> Exception:
    """What the database did to us, as the command's end; any other error as it is."""
    if isinstance(error, BadConfiguration):
        return ConfigError(str(error))
    if is_refused(error):
        return ConfigError(f"the database refuses us: {error}")
    if isinstance(error, Unavailable):
        return CannotRun(str(error))
    if isinstance(error, RuntimeFailure):
        return CommandError(str(error))
    if is_lost(error):
        return CannotRun(f"the database does not answer: {str(error) or type(error).__name__}")
    return error
