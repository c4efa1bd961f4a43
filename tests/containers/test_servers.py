"""The servers of the stack as their images run them: the log's permissions, the database's accounts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from containers.conftest import missing
from penstock.stack.credentials import Addresses, make
from penstock_runtime.errors import NotPermitted
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.roles import grant_reading
from support.permits import refused

os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its image is one more that must be had
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

NATS, TIMESCALE = "nats:2-alpine", "timescale/timescaledb:latest-pg17"
START_S = 120
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=f"no engine for containers: {missing()}"),
]


@pytest.fixture(scope="module")
def log_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The log's server from its image, with the stack's configuration; the addresses by user."""
    folder = tmp_path_factory.mktemp("credentials")
    make(folder, Addresses(), partition=0, sync="interval")
    server = (
        DockerContainer(NATS)
        .with_command("nats-server --config /credentials/nats.conf")
        .with_volume_mapping(str(folder / "nats"), "/credentials", "ro")
        .with_exposed_ports(4222)
        .waiting_for(LogMessageWaitStrategy("Server is ready").with_startup_timeout(START_S))
    )
    with server:
        place = f"{server.get_container_host_ip()}:{server.get_exposed_port(4222)}"
        yield {
            file.parent.name: file.read_text().strip().replace("nats:4222", place)
            for file in Path(folder).glob("*/nats.url")
        }


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """TimescaleDB from its image."""
    with PostgresContainer(TIMESCALE, username="penstock", dbname="penstock", driver=None) as server:
        yield server.get_connection_url()


async def test_the_log_lets_only_risk_publish_an_approval(log_server: dict[str, str]) -> None:
    operator = await Log.connect(log_server["operator"], name="launcher")
    await operator.declare(StreamLimits())
    approved = "p0.ord.v1.approved.synthetic.btc-usdt"
    for user, url in log_server.items():
        assert await refused(url, [approved]) == ([] if user == "risk" else [approved]), user
    assert await operator.last_sequence() == 1
    await operator.close()


async def test_who_reads_the_database_cannot_write_it(database: str) -> None:
    await migrate(database)
    for password in ("first", "it's another"):  # set again at each start
        await grant_reading(database, "penstock_reader", password)
    reader = await asyncpg.connect(database, user="penstock_reader", password="it's another")
    assert await reader.fetchval("SELECT count(*) FROM fills") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute("DELETE FROM fills")
    await reader.close()


async def test_a_wrong_password_is_a_refusal_and_not_an_outage(database: str) -> None:
    with pytest.raises(NotPermitted, match="the database refuses the credentials"):
        await migrate(database.replace("penstock:", "penstock:wrong", 1))
