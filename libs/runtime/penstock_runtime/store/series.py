"""Time series as hypertables, where TimescaleDB is: cut into chunks of time, which leave as a whole.

`arrange` is safe to repeat and finds its own way: a database that gets the extension later gets its
hypertables then, with what is already in the tables. Tables and queries are the same on every tier.
"""

from dataclasses import dataclass

import asyncpg
import structlog

from penstock_runtime.errors import BadConfiguration
from penstock_runtime.store.pool import Connection
from penstock_runtime.store.tier import Tier, detect_tier

_log = structlog.get_logger(__name__)

DAY_NS = 86_400 * 10**9
VERSION_MIN = (2, 13)
"""TimescaleDB's, the first in which dimensions are given by `by_range`."""


@dataclass(frozen=True, slots=True)
class Series:
    """A time series: how much time a chunk of it holds, and from when on chunks may be compressed."""

    table: str
    chunk_days: int
    compress_after_days: int
    segment_by: str


SERIES = (
    Series("trades", 1, 7, "session, instrument"),
    Series("quotes", 1, 7, "session, instrument"),
    Series("book_changes", 1, 7, "session, instrument"),
    Series("bars", 30, 45, "session, instrument, interval, source"),
    Series("features", 7, 14, "session, instrument"),
    Series("pnl", 30, 45, "session, strategy"),
    Series("metrics", 7, 14, "session, name"),
)
"""Chunk sizes: `docs/adr` says why. Every unique key of these tables has `ts` in it."""


async def arrange(connection: Connection) -> Tier:
    """Make hypertables of the time series, and have old chunks compressed, as far as the tier can.

    BadConfiguration when the extension is too old. Runs in the caller's lock.
    """
    await _create_extension(connection)
    tier = await detect_tier(connection)
    if tier is Tier.PLAIN:
        return tier
    await _check_version(connection)
    present = {row["hypertable_name"] for row in await connection.fetch(_HYPERTABLES)}
    for series in SERIES:
        if series.table not in present:
            await connection.execute(
                "SELECT create_hypertable($1::regclass, by_range('ts', $2::bigint),"
                " create_default_indexes => false, migrate_data => true, if_not_exists => true)",
                series.table,
                series.chunk_days * DAY_NS,
            )
            _log.info("hypertable_made", table=series.table, chunk_days=series.chunk_days)
        if tier is Tier.TIMESCALE_COMMUNITY:
            await _compress(connection, series)
    return tier


async def _create_extension(connection: Connection) -> None:
    """Where the server has loaded the extension, but this database does not have it yet."""
    if not await connection.fetchval(_LOADED):
        return
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except asyncpg.InsufficientPrivilegeError as error:
        _log.warning("extension_not_created", error=str(error))


async def _check_version(connection: Connection) -> None:
    version: str = await connection.fetchval(
        "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    )
    if tuple(int(part) for part in version.partition("-")[0].split(".")[:2]) < VERSION_MIN:
        needed = ".".join(str(part) for part in VERSION_MIN)
        raise BadConfiguration(f"TimescaleDB {version} is too old: {needed} or newer, or none")


async def _compress(connection: Connection, series: Series) -> None:
    """Let TimescaleDB's own scheduler compress what nobody changes any more."""
    on = await connection.fetchval(_COMPRESSED, series.table)
    if not on:
        await connection.execute(
            f"ALTER TABLE {series.table} SET (timescaledb.compress,"
            f" timescaledb.compress_segmentby = '{series.segment_by}', timescaledb.compress_orderby = 'ts')"
        )
    await connection.execute(_NOW)
    await connection.execute(
        "SELECT set_integer_now_func($1::regclass, 'penstock_now', replace_if_exists => true)", series.table
    )
    await connection.execute(
        "SELECT add_compression_policy($1::regclass, $2::bigint, if_not_exists => true)",
        series.table,
        series.compress_after_days * DAY_NS,
    )


_HYPERTABLES = (
    "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public'"
)
_COMPRESSED = (
    "SELECT compression_enabled FROM timescaledb_information.hypertables"
    " WHERE hypertable_schema = 'public' AND hypertable_name = $1"
)
# Whoever may not see the setting leaves the extension to somebody who may.
_LOADED = """
SELECT count(*) FROM pg_available_extensions a, pg_settings s
WHERE a.name = 'timescaledb' AND a.installed_version IS NULL
    AND s.name = 'shared_preload_libraries' AND s.setting LIKE '%timescaledb%'
"""
_NOW = """
CREATE OR REPLACE FUNCTION penstock_now() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (extract(epoch FROM now()) * 1000000)::bigint * 1000
"""
