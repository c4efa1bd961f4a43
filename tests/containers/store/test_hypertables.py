import asyncpg
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.schema import known_migrations
from penstock_runtime.store.series import DAY_NS, SERIES
from penstock_runtime.store.tier import Tier, detect_tier
from support.store import database


async def chunk_sizes(pool: asyncpg.Pool) -> dict[str, int]:
    found = await pool.fetch(
        "SELECT hypertable_name, integer_interval FROM timescaledb_information.dimensions"
    )
    return {row["hypertable_name"]: row["integer_interval"] for row in found}


async def test_the_time_series_are_hypertables_and_a_second_start_changes_nothing(timescale_url: str) -> None:
    assert await migrate(timescale_url) == tuple(known_migrations())
    assert await migrate(timescale_url) == ()
    async with database(timescale_url) as pool:
        assert await detect_tier(pool) in {Tier.TIMESCALE_APACHE, Tier.TIMESCALE_COMMUNITY}
        assert await chunk_sizes(pool) == {each.table: each.chunk_days * DAY_NS for each in SERIES}


async def test_a_database_that_gets_the_extension_later_keeps_its_rows(timescale_url: str) -> None:
    await migrate(timescale_url)
    async with database(timescale_url) as pool:
        for table in ("metrics", "trades"):  # as plain PostgreSQL has them
            await pool.execute(f"CREATE TABLE plain (LIKE {table} INCLUDING INDEXES)")
            await pool.execute(f"DROP TABLE {table}")
            await pool.execute(f"ALTER TABLE plain RENAME TO {table}")
        await pool.execute(
            "INSERT INTO metrics SELECT 's', 'n', $1::bigint * i, 1, '{}' FROM generate_series(1, 9) i",
            DAY_NS,
        )
        assert "metrics" not in await chunk_sizes(pool)
        await migrate(timescale_url)
        assert (await chunk_sizes(pool))["metrics"] == 7 * DAY_NS
        assert await pool.fetchval("SELECT count(*) FROM metrics") == 9
        assert await pool.fetchval("SELECT count(*) FROM show_chunks('metrics')") == 2
