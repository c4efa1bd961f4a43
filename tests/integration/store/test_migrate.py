import asyncio

import asyncpg
import pytest
from penstock_runtime.errors import BadConfiguration, Unavailable
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import open_pool
from penstock_runtime.store.tier import Tier, detect_tier
from support.store import counts, database


async def test_a_second_migration_changes_nothing(postgres_url: str) -> None:
    assert await migrate(postgres_url) == ("0001-projection", "0002-archive")
    assert await migrate(postgres_url) == ()


async def test_of_many_at_once_one_migrates_and_the_others_find_it_done(postgres_url: str) -> None:
    applied = await asyncio.gather(*(migrate(postgres_url) for _ in range(5)))
    assert sorted(applied) == [(), (), (), (), ("0001-projection", "0002-archive")]
    async with database(postgres_url) as pool:
        assert (await counts(pool))["fills"] == 0


async def test_a_database_of_a_newer_version_is_refused(postgres_url: str) -> None:
    await migrate(postgres_url)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("UPDATE public._pogo_migration SET migration_id = '9999-later'")
    await connection.close()
    with pytest.raises(BadConfiguration, match="newer Penstock \\(9999-later\\)"):
        await migrate(postgres_url)


async def test_no_database_is_unavailable_not_a_crash() -> None:
    with pytest.raises(Unavailable, match="no database"):
        await migrate("postgresql://nobody:x@127.0.0.1:1/none")


async def test_an_address_that_is_none_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await open_pool("", name="test")


async def test_every_unique_key_of_a_time_series_contains_its_time(postgres_url: str) -> None:
    # TimescaleDB demands it of hypertables. Plain for ever: what has an identity of its own.
    plain = {"sessions", "cursors", "archive", "orders", "order_events", "fills"}
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        keys = await pool.fetch(
            "SELECT t.relname AS table, array_agg(a.attname::text) AS columns FROM pg_index i"
            " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indisunique AND n.nspname = 'public' AND t.relname !~ 'pogo'"
            " GROUP BY t.relname, i.indexrelid"
        )
        assert {key["table"] for key in keys} >= {"orders", "signals", "pnl", "audit"}
        without = [key["table"] for key in keys if key["table"] not in plain and "ts" not in key["columns"]]
        assert without == []


async def test_plain_postgresql_is_reported_as_such(postgres_url: str) -> None:
    async with database(postgres_url) as pool:
        assert await detect_tier(pool) is Tier.PLAIN


async def test_times_are_shown_in_utc_to_the_microsecond(postgres_url: str) -> None:
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        shown = await pool.fetchval("SELECT penstock_time(1641038400123456789)::text")
        assert shown == "2022-01-01 12:00:00.123456+00"
