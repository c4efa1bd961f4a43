"""The short form of what `python -m faults.month` does with a month: every topology, kills, one hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.market import first_bars, month
from faults.month import KILLED, Hashed, Month

BARS, KILLS = 3_000, 4


@pytest.mark.servers
@pytest.mark.slow
async def test_topologies_hash_seeds_and_kills_come_to_one_hash(tmp_path: Path) -> None:
    recorded, _ = month(tmp_path)
    part = first_bars(recorded, tmp_path / f"btc-perp-1m-{BARS}.csv.gz", BARS)
    runs = Month(part, tmp_path, KILLS, 3, ('run.strategies=["ma_cross:fast=3,slow=8"]',))
    told: list[Hashed] = []
    await runs.run(told.append)
    assert runs.wrong == []
    assert [each.kills for each in told if each.name == KILLED] == [KILLS]
    assert len({each.fills_hash for each in told}) == 1
    assert len(told) == 6


def test_another_hash_of_one_run_is_found(tmp_path: Path) -> None:
    runs = Month(tmp_path / "bars.csv", tmp_path, 0, seed=1)
    runs.runs += [Hashed("chained", 2, "a", 0.1), Hashed("fused, PYTHONHASHSEED=1", 2, "b", 0.1)]
    assert runs.wrong == ["2 hashes of the fills, not one"]
