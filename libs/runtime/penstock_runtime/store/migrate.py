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

from penstock_runtime.errors import BadConfiguration, NotPermitted, Unavailable
from penstock_runtime.store.pool import is_lost, is_refused
from penstock_runtime.store.schema import Standing, known_migrations, refuse, schema_of
from penstock_runtime.store.series import arrange
from penstock_runtime.store.tier import RANKS, Tier

_log = structlog.get_logger(__name__)

SCHEMA = "public"
LOCK_KEY = 0x70656E73746F636B  # "penstock"
LOCK_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 10.0


async def migrate(url: str, tier_min: Tier = Tier.PLAIN) -> tuple[str, ...]:
    """Apply what is missing; returns the names of the migrations applied now.

    Where the database has TimescaleDB the time series become hypertables, also later. Raises Unavailable
    when the database does not answer, BadConfiguration when it does not let us in, was migrated by a newer
    Penstock, is half migrated, can do less than `tier_min`, or refuses a migration: then nothing of that
    migration stays.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        try:
            return await _locked(connection, tier_min)
        finally:
            await connection.close()
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise NotPermitted(f"the database refuses the credentials: {error}") from error
    except Exception as error:
        if is_refused(error):
            raise BadConfiguration(f"the database refuses us: {error}") from error
        if is_lost(error):
            raise Unavailable(f"no database: {str(error) or type(error).__name__}") from error
        raise


async def _locked(connection: asyncpg.Connection, tier_min: Tier) -> tuple[str, ...]:
    async with asyncio.timeout(LOCK_TIMEOUT_S):
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
    try:
        applied = await _apply(connection)
        async with connection.transaction():
            tier = await arrange(connection)
        if RANKS.index(tier) < RANKS.index(tier_min):
            raise BadConfiguration(
                f"the database is {tier}, and recorder.tier_min asks for {tier_min}: install the extension"
                " timescaledb in its server and load it (shared_preload_libraries), or ask for less"
            )
        _log.info("store_ready", tier=tier, migrations=len(known_migrations()), applied=list(applied))
        return applied
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


async def _apply(connection: asyncpg.Connection) -> tuple[str, ...]:
    schema = await schema_of(connection)
    refuse(schema)
    if schema.standing is Standing.CURRENT:
        return ()
    with as_file(files("penstock_runtime.store") / "migrations") as folder:
        await pogo_sql.ensure_pogo_sync(connection)
        try:
            await pogo.apply(connection, folder, schema_name=SCHEMA, logger=_log)
        except BadMigrationError as error:
            raise BadConfiguration(f"{error}: {error.__cause__}") from error
    return tuple(name for name in known_migrations() if name not in schema.applied)
