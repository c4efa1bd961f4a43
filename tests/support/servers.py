"""Real servers for tests: one of each a session, started when the first test asks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import nats
import pytest
from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres

_databases = itertools.count(1)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    """A NATS server with JetStream. A test that stops it starts it again before it ends."""
    server = EmbeddedNats(tmp_path_factory.mktemp("nats"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def nats_url(nats_server: EmbeddedNats) -> AsyncIterator[str]:
    """The address of a NATS server without streams; what the test leaves is removed."""
    yield nats_server.url
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        if stream.config.name:
            await jetstream.delete_stream(stream.config.name)
    await client.close()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server. It does not flush to disk: a test may kill the process, not the machine."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings={"fsync": "off"})
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def postgres_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of an empty database of the test's own."""
    name = f"test_{next(_databases)}"
    await postgres.create_database(name)
    yield postgres.url_of(name)
    await postgres.drop_database(name)
