"""Fixtures and settings that every test may use."""

from __future__ import annotations

import pytest
from hypothesis import settings

pytest_plugins = ["support.servers", "support.data"]

SERVER_FIXTURES = {"nats_server", "nats_url", "postgres", "postgres_url"}

# Two busy cores make a test's own time meaningless; a failure prints what reproduces it.
settings.register_profile("penstock", deadline=None, print_blob=True)
settings.load_profile("penstock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a server, so that `-m "not servers"` is the fast half."""
    for item in items:
        if SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.servers)
