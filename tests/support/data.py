"""Where the recorded market data lie that some tests read. They are not part of the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def shared_data_directory() -> Path | None:
    """The directory of recorded data: below $PENSTOCK_SHARED, or beside the checkout; None if absent."""
    if configured := os.environ.get("PENSTOCK_SHARED"):
        found = Path(configured) / "data"
    else:
        found = REPOSITORY.parent / "shared" / "data"
    return found if found.is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of recorded market data; skips where it is absent."""
    found = shared_data_directory()
    if found is None:
        pytest.skip("no recorded market data: set PENSTOCK_SHARED, or put them in ../shared/data")
    return found
