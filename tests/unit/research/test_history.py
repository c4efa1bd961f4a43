"""Runs of quiet intervals presented as one put out what single intervals do."""

from pathlib import Path
from typing import Any

import pytest
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars

QUICK = 'run.strategies=["ma_cross:fast=3,slow=9"]'


def same_both_ways(document: dict[str, Any]) -> int:
    """Run a document both ways; every output must be equal. Returns the number of fills."""
    runs, single = run_chained(document), run_chained(document, runs=False)
    assert runs.outputs["strategy"] == single.outputs["strategy"]
    assert runs.outputs["risk"] == single.outputs["risk"]
    assert runs.outputs["execution"] == single.outputs["execution"]
    assert runs.presented < single.presented
    return len(runs.fills)


@pytest.mark.parametrize("profile", ["open", "conservative"])
@pytest.mark.parametrize("period", [20, 60, 150])
def test_bars(tmp_path: Path, profile: str, period: int) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 600, period=period)
    assert same_both_ways(resolved(f"replay:{bars}", QUICK, profile=profile).document) > 5


@pytest.mark.parametrize("latency_ms", [0, 20, 700])
def test_recorded_trades(shared_data: Path, latency_ms: int) -> None:
    trades = shared_data / "trades" / "btc-usdt-2021-01-08.parquet"
    latency = f"execution.paper.submit_latency_ns={latency_ms * 1_000_000}"
    assert same_both_ways(resolved(f"replay:{trades}", QUICK, latency).document) > 5
