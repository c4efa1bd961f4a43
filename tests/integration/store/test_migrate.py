import asyncio
import subprocess
import sys

import asyncpg
import pytest
from penstock_runtime.errors import BadConfiguration, NotPermitted, Unavailable
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import open_pool
from penstock_runtime.store.schema import Standing, known_migrations, schema_of
from penstock_runtime.store.tier import Tier, detect_tier
from support.store import counts, database

ALL = tuple(known_migrations())
MIGRATE = "import asyncio, sys; from penstock_runtime.store.migrate import migrate\n"
MIGRATE += "print('applied', len(asyncio.run(migrate(sys.argv[1]))))"


async def test_a_second_migration_changes_nothing(postgres_url: str) -> None:
    assert await migrate(postgres_url) == ALL
    assert await migrate(postgres_url) == ()


async def test_of_many_at_once_one_migrates_and_the_others_find_it_done(postgres_url: str) -> None:
    applied = await asyncio.gather(*(migrate(postgres_url) for _ in range(5)))
    assert sorted(applied) == [(), (), (), (), ALL]
    async with database(postgres_url) as pool:
        assert (await counts(pool))["fills"] == 0


async def test_of_two_processes_at_once_one_migrates(postgres_url: str) -> None:
    command = [sys.executable, "-c", MIGRATE, postgres_url]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [(await asyncio.to_thread(each.communicate, timeout=120))[0].splitlines()[-1] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert sorted(said) == ["applied 0", f"applied {len(ALL)}"]


async def test_a_schema_tells_how_it_stands_to_this_version(postgres_url: str) -> None:
    async with database(postgres_url) as pool:
        assert (await schema_of(pool)).standing is Standing.EMPTY
        await migrate(postgres_url)
        assert (await schema_of(pool)).standing is Standing.CURRENT
        await pool.execute("DELETE FROM _pogo_migration WHERE migration_id = '0003-rollups'")
        await pool.execute("DROP TABLE bar_rollups, rollup_progress")
        await pool.execute("DROP FUNCTION penstock_bucket_end")
        found = await schema_of(pool)
        assert (found.standing, "0003-rollups missing" in found.problem) == (Standing.OLDER, True)
        assert await migrate(postgres_url) == ("0003-rollups",)


async def test_a_half_applied_migration_is_refused_in_one_line_and_nothing_is_changed(
    postgres_url: str,
) -> None:
    await migrate(postgres_url)
    async with database(postgres_url) as pool:
        await pool.execute("DROP TABLE rollup_progress")
        with pytest.raises(BadConfiguration, match="0003-rollups is half applied: no table rollup_progress"):
            await migrate(postgres_url)
        await pool.execute("DELETE FROM _pogo_migration WHERE migration_id = '0003-rollups'")
        with pytest.raises(BadConfiguration, match="half applied: bar_rollups is there, but not recorded"):
            await migrate(postgres_url)
        assert await pool.fetchval("SELECT to_regclass('rollup_progress') IS NULL")


async def test_a_database_that_does_not_let_us_in_ends_the_service_for_good(postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2].partition("?")[0]
    with pytest.raises(NotPermitted, match="password authentication failed"):
        await migrate(postgres_url.replace("penstock:", "penstock:wrong", 1))
    with pytest.raises(BadConfiguration, match="does not exist"):
        await migrate(postgres_url.replace(name, "nowhere", 1))


async def test_a_database_of_a_newer_version_is_refused(postgres_url: str) -> None:
    await migrate(postgres_url)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("UPDATE public._pogo_migration SET migration_id = '9999-later'")
    await connection.close()
    with pytest.raises(BadConfiguration, match="newer Penstock \\(9999-later\\)"):
        await migrate(postgres_url)


async def test_a_database_that_can_do_less_than_is_asked_for_is_refused(
    postgres_url: str,
) -> None:
    with pytest.raises(BadConfiguration, match=r"is plain, and .* asks for timescale-apache"):
        await migrate(postgres_url, Tier.TIMESCALE_APACHE)
    assert await migrate(postgres_url) == ()


async def test_no_database_is_unavailable_not_a_crash() -> None:
    with pytest.raises(Unavailable, match="no database"):
        await migrate("postgresql://nobody:x@127.0.0.1:1/none")


async def test_an_address_that_is_none_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await open_pool("", name="test")


async def test_every_unique_key_of_a_time_series_contains_its_time(postgres_url: str) -> None:
    # TimescaleDB demands it of hypertables. Plain for ever: what has an identity of its own.
    plain = {"sessions", "cursors", "archive", "orders", "order_events", "fills", "rollup_progress"}
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
