"""Bring a database up to the schema that this code knows.

The migrations are plain SQL files in the package's folder `migrations`, so that a wheel carries them.
Whoever comes first applies them, under an advisory lock; whoever comes second finds them applied.
"""

import asyncio
from importlib.resources import as_file, files

import asyncpg
import structlog
from pogo_core.error import BadMigrationError
from pogo_core.util import migrate as pogo
from pogo_core.util import sql as pogo_sql

from penstock_runtime.errors import BadConfiguration, Unavailable
from penstock_runtime.store.pool import is_lost

_log = structlog.get_logger(__name__)

SCHEMA = "public"
LOCK_KEY = 0x70656E73746F636B  # "penstock"
LOCK_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 10.0


async def migrate(url: str) -> tuple[str, ...]:
    """Apply what is missing; returns the names of the migrations applied now.

    Raises Unavailable when the database does not answer, BadConfiguration when it was migrated by a
    newer Penstock or refuses a migration: then nothing of that migration stays.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            return await _locked(connection)
        finally:
            await connection.close()
    except Exception as error:
        if is_lost(error):
            raise Unavailable(f"no database: {str(error) or type(error).__name__}") from error
        raise


async def _locked(connection: asyncpg.Connection) -> tuple[str, ...]:
    async with asyncio.timeout(LOCK_TIMEOUT_S):
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
    try:
        return await _apply(connection)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


async def _apply(connection: asyncpg.Connection) -> tuple[str, ...]:
    with as_file(files("penstock_runtime.store") / "migrations") as folder:
        known = {path.stem for path in folder.iterdir() if path.suffix == ".sql"}
        await pogo_sql.ensure_pogo_sync(connection)
        before = await pogo_sql.get_applied_migrations(connection, schema_name=SCHEMA)
        unknown = sorted(before - known)
        if unknown:
            raise BadConfiguration(
                f"the database was migrated by a newer Penstock ({', '.join(unknown)}): upgrade this one"
            )
        try:
            await pogo.apply(connection, folder, schema_name=SCHEMA, logger=_log)
        except BadMigrationError as error:
            raise BadConfiguration(f"{error}: {error.__cause__}") from error
    return tuple(sorted(known - before))
