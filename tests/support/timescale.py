"""A real TimescaleDB in a container, where a Docker engine answers; skipped by name elsewhere."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from penstock_runtime.store.pool import is_lost

IMAGE = "timescale/timescaledb:latest-pg17"
START_S = 180
_databases = itertools.count(1)


def docker(*arguments: str) -> str:
    """What the engine says; raises where it refuses."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


def missing() -> str:
    """Why there is no TimescaleDB here; empty where there is one."""
    try:
        docker("image", "inspect", IMAGE)
    except (OSError, subprocess.SubprocessError) as error:
        return f"no Docker engine with the image {IMAGE} ({type(error).__name__})"
    return ""


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[str]:
    """The address of a server, up to the database's name."""
    if why := missing():
        pytest.skip(why)
    name = docker(
        "run", "--detach", "--rm", "--env", "POSTGRES_PASSWORD=test", "--publish", "127.0.0.1::5432", IMAGE
    )
    try:
        port = docker("port", name, "5432/tcp").splitlines()[0].rpartition(":")[2]
        address = f"postgresql://postgres:test@127.0.0.1:{port}"
        asyncio.run(_answers(f"{address}/postgres"))
        yield address
    finally:
        docker("rm", "--force", "--volumes", name)


@pytest.fixture
async def timescale_url(timescale_server: str) -> AsyncIterator[str]:
    """The address of an empty database of the test's own, without the extension yet."""
    name = f"test_{next(_databases)}"
    await _execute(timescale_server, f"CREATE DATABASE {name} TEMPLATE template0")
    yield f"{timescale_server}/{name}"
    await _execute(timescale_server, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(f"{address}/postgres", timeout=30)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _answers(url: str) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                connection = await asyncpg.connect(url, timeout=5)
                # The image starts the server twice: the first only to prepare it.
                await asyncio.sleep(1)
                await connection.fetchval("SELECT 1")
                await connection.close()
                return
            except Exception as error:
                if not is_lost(error):
                    raise
                await asyncio.sleep(0.2)
