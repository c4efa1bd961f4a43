"""What a database needs now and then: longer bars made, statistics renewed, sizes told."""

from dataclasses import dataclass

from penstock_runtime.store.pool import Pool
from penstock_runtime.store.schema import Schema, schema_of
from penstock_runtime.store.series import SERIES
from penstock_runtime.store.tier import Tier, detect_tier


@dataclass(frozen=True, slots=True)
class Size:
    """A table: how many rows the database believes it has (as of its last analyze), and its bytes."""

    table: str
    rows: int
    bytes: int
    chunks: int
    """0 where it is no hypertable."""


async def analyze(pool: Pool) -> None:
    """Renew the planner's statistics of all tables."""
    for size in await sizes(pool):
        await pool.execute(f'ANALYZE "{size.table}"')


async def standing(pool: Pool) -> tuple[Schema, Tier]:
    """How the schema stands to this version, and what the database can do."""
    return await schema_of(pool), await detect_tier(pool)


async def sizes(pool: Pool) -> list[Size]:
    """All tables with indexes and chunks, the largest first."""
    tier = await detect_tier(pool)
    hyper = {each.table for each in SERIES} if tier is not Tier.PLAIN else set()
    found = []
    for row in await pool.fetch(_TABLES):
        table = row["tablename"]
        if table in hyper:
            told = await pool.fetchrow(_HYPERTABLE, table)
        else:
            told = await pool.fetchrow(_PLAIN, table)
        assert told is not None
        found.append(Size(table, max(told["rows"], 0), told["bytes"], told["chunks"]))
    return sorted(found, key=lambda each: (-each.bytes, each.table))


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^_pogo' ORDER BY 1"
_PLAIN = """
SELECT reltuples::bigint AS rows, pg_total_relation_size(oid) AS bytes, 0 AS chunks
FROM pg_class WHERE oid = $1::text::regclass
"""
_HYPERTABLE = """
SELECT approximate_row_count($1::text::regclass) AS rows, hypertable_size($1::text::regclass) AS bytes,
    (SELECT count(*) FROM show_chunks($1::text::regclass)) AS chunks
"""
