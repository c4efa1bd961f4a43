"""A stand for live execution on the tests' NATS server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from penstock_venues.fake import FakeVenue

from faults.stand import Stand


@pytest.fixture
async def stand(nats_url: str, tmp_path: Path) -> AsyncIterator[Stand]:
    """A session, and a venue on which every order fills at once unless the test says otherwise."""
    made = Stand(nats_url, tmp_path, FakeVenue())
    await made.open()
    yield made
    await made.close()
