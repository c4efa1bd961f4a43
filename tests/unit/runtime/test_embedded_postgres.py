from __future__ import annotations

import os
from pathlib import Path

import asyncpg
import pytest
from penstock_runtime.embedded import EmbeddedPostgres, StartFailed

pytestmark = pytest.mark.servers


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_client_queries_the_database(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        assert await value(server.url, "SELECT current_database()") == "penstock"
        assert await value(server.url, "SHOW shared_buffers") == "32MB"
        assert await value(server.url, "SHOW timezone") == "UTC"


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux knows processes that wait their turn")
async def test_neither_it_nor_what_serves_a_client_interrupts_others(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        connection = await asyncpg.connect(server.url)
        try:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            assert os.sched_getscheduler(pid) == os.SCHED_BATCH
        finally:
            await connection.close()


async def test_a_client_without_the_secret_is_refused(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://penstock:guess@127.0.0.1:{server.port}/penstock")


async def test_its_rows_survive_a_restart_and_a_crash(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    await execute(server.url, "CREATE TABLE fills (id int PRIMARY KEY)")
    for restart, end in enumerate((server.stop, server.kill, server.stop), start=1):
        await execute(server.url, f"INSERT INTO fills VALUES ({restart})")
        await end()
        await server.start()
        assert await value(server.url, "SELECT count(*) FROM fills") == restart
    await server.stop()


async def test_a_first_start_that_was_cut_off_is_made_up_for(tmp_path: Path) -> None:
    (tmp_path / "data.new" / "base").mkdir(parents=True)
    async with EmbeddedPostgres(tmp_path) as server:
        assert await value(server.url, "SELECT 1") == 1


async def test_a_setting_it_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no_such_setting"):
        await EmbeddedPostgres(tmp_path, settings={"no_such_setting": "1"}).start()


async def test_databases_are_created_once_and_dropped_in_use(postgres: EmbeddedPostgres) -> None:
    await postgres.create_database('a "b"')
    await postgres.create_database('a "b"')
    url = postgres.url_of("a%20%22b%22")
    connection = await asyncpg.connect(url)
    await postgres.drop_database('a "b"')
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(url)
    connection.terminate()


async def test_each_test_has_an_empty_database(postgres_url: str) -> None:
    assert await value(postgres_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
