"""The servers of the stack on volumes that fill up: a line says why, and with room nothing is lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from containers.conftest import missing
from nats.errors import Error as NatsError
from nats.js.errors import APIError
from penstock.launch.notes import Notes
from penstock.stack.store import StoreWatch
from penstock_contracts.market import TradeBatch
from penstock_runtime.log import Log
from structlog.testing import capture_logs
from support.machine import fill, small_disk
from support.messages import START, trades
from support.store import SessionLog, counts, database, session_log, start_recorder

os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its image is one more that must be had
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

NATS, TIMESCALE = "nats:2-alpine", "timescale/timescaledb:latest-pg17"
START_S, WAIT_S = 120, 120
ROWS = 500
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"no engine for containers: {missing()}"),
]


def batch(at: int) -> TradeBatch:
    return trades(tuple(range(at, at + ROWS)), (4_630_112,) * ROWS)


async def until(true: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.05)


@pytest.fixture
def database_disk(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """TimescaleDB on a small disk of its own."""
    with small_disk(tmp_path / "database", 200) as disk:
        server = PostgresContainer(TIMESCALE, username="penstock", dbname="penstock", driver=None)
        with server.with_volume_mapping(str(disk), "/var/lib/postgresql/data", "rw"):
            yield server.get_connection_url(), disk


async def test_with_the_databases_volume_full_the_recorder_waits_says_why_and_catches_up(
    database_disk: tuple[str, Path], nats_url: str
) -> None:
    url, disk = database_disk
    async with session_log(nats_url) as log:
        running = await start_recorder(nats_url, url)
        await running.reach(await log.put("md", batch(START)))
        ballast = fill(disk)
        last = 0
        with capture_logs() as lines:
            for number in range(1, 40):  # more than fits where a page was not full yet
                at = START + number * 10**6
                last = await log.put("md", batch(at))
            await until(lambda: running.recorder.health.view.get("database") == "away", "a full volume")
        (why,) = [line for line in lines if line["event"] == "database_away"]
        assert "No space left on device" in why["error"]
        assert not running.task.done(), "it waits"
        ballast.unlink()
        await running.reach(last)
        await running.drain()
    async with database(url) as pool:
        assert (await counts(pool))["trades"] == 40 * ROWS


async def write_until_refused(session: SessionLog, stored: list[int]) -> None:
    for number in range(1, 4_000):
        last = await session.put("md", batch(START + number))
        stored.append(last)


@pytest.fixture
def log_disk(tmp_path: Path) -> Iterator[tuple[DockerContainer, Path]]:
    """The log's server on a small disk of its own."""
    (tmp_path / "nats.conf").write_text('jetstream { store_dir: "/log-store", max_file_store: 10GB }\n')
    with small_disk(tmp_path / "log", 64) as disk:
        server = (
            DockerContainer(NATS)
            .with_command("nats-server --config /etc/nats.conf")
            .with_volume_mapping(str(tmp_path / "nats.conf"), "/etc/nats.conf", "ro")
            .with_volume_mapping(str(disk), "/log-store", "rw")
            .with_exposed_ports(4222)
            .waiting_for(LogMessageWaitStrategy("Server is ready").with_startup_timeout(START_S))
        )
        with server:
            yield server, disk


async def test_with_the_logs_volume_full_the_warden_says_so_and_after_a_restart_of_its_server_it_goes_on(
    log_disk: tuple[DockerContainer, Path],
) -> None:
    server, disk = log_disk
    said: list[str] = []
    async with session_log(address(server)) as session:
        stored = [await session.put("md", batch(START))]
        watch = StoreWatch(session.log, disk, Notes(lambda text, _: said.append(text)))
        ballast = fill(disk)
        with pytest.raises((APIError, NatsError, TimeoutError)):
            await write_until_refused(session, stored)
        async with asyncio.timeout(WAIT_S):
            while not any("the log's disk is full and nothing trades" in text for text in said):
                await watch.look()
                await asyncio.sleep(0.5)
        ballast.unlink()
        server.get_wrapped_container().restart()
    async with asyncio.timeout(WAIT_S):
        log = await Log.connect(address(server), name="test")
    try:
        last = await log.last_sequence()
        assert last >= stored[-1], "what was acknowledged is there"
        session = SessionLog(log, session.session)
        await session.begin()
        assert await session.put("md", batch(START)) > last
    finally:
        await log.close()


def address(server: DockerContainer) -> str:
    return f"nats://{server.get_container_host_ip()}:{server.get_exposed_port(4222)}"
