from collections.abc import AsyncIterator

import pytest
from support.api import Api, served


@pytest.fixture
async def api(nats_url: str, postgres_url: str) -> AsyncIterator[Api]:
    """The api on a log in which a session has begun, over a database that nobody has migrated."""
    async with served(nats_url, postgres_url) as api:
        yield api
