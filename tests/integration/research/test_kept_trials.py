"""Results of searches in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from penstock.main import run as penstock
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.trials import keep_trials
from support.cli import write_bars


async def _trials(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(_QUERY))
    finally:
        await connection.close()


_QUERY = """
SELECT searches.kind, fold, parameters->>'fast' AS fast, status, error, sharpe, fills, fills_hash
FROM research.trials JOIN research.searches USING (search_id) ORDER BY kind, fold, fast
"""


async def test_a_search_is_kept_once_however_often_it_is_made(postgres_url: str) -> None:
    figures = {"sharpe": 1.5, "fills": 7, "fills_hash": "ab", "seconds": 1}
    done = {"p.fast": 3, "status": "done", "error": "", **figures}
    unfit = {"p.fast": 9, "status": "failed", "error": "fast must be below slow", "seconds": 0.1}
    first = await keep_trials(postgres_url, "sweep", {"seed": 1}, [done, unfit])
    assert await keep_trials(postgres_url, "sweep", {"seed": 1}, [done, unfit]) == first
    other = await keep_trials(postgres_url, "sweep", {"seed": 2}, [done])
    assert first != other
    kept = [tuple(each) for each in await _trials(postgres_url)]
    assert len(kept) == 3
    assert ("sweep", 0, "3", "done", "", 1.5, 7.0, "ab") in kept
    assert ("sweep", 0, "9", "failed", "fast must be below slow", None, None, "") in kept


async def test_a_database_that_is_away_is_named() -> None:
    with pytest.raises(Unavailable, match="cannot be asked"):
        await keep_trials("postgresql://nobody@127.0.0.1:1/none", "sweep", {}, [])
    with pytest.raises(Unavailable, match="address"):
        await keep_trials("mysql://x", "sweep", {}, [])


def test_walk_forward_keeps_every_fold(postgres_url: str, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 400, period=30)
    arguments = [
        "walk-forward", "--data", str(bars), "--profile", "open", "--param", "fast=2,3", "--param", "slow=9",
        "--train", "2h", "--test", "1h", "--workers", "1", "--out", str(tmp_path / "walked"),
        "--database", postgres_url,
    ]  # fmt: skip
    assert penstock(arguments) == 0
    kept = asyncio.run(_trials(postgres_url))
    assert {each["kind"] for each in kept} == {"walk-forward"}
    folds = sorted({each["fold"] for each in kept})
    assert folds == list(range(1, len(folds) + 1))
    assert len(kept) == 2 * len(folds) >= 6
