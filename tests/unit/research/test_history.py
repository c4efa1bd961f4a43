"""Runs of quiet intervals presented as one put out what single intervals do, whatever the data."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from penstock_contracts.orders import PnlSampled
from penstock_research import chunks
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars

QUICK = 'run.strategies=["ma_cross:fast=3,slow=9"]'
REVERSION = "mean_reversion:period=12,entry=1.2"


def same_both_ways(document: dict[str, Any]) -> int:
    """Run a document both ways; every output must be equal. Returns the number of fills."""
    runs, single = run_chained(document), run_chained(document, runs=False)
    for producer in ("strategy", "risk", "execution"):
        assert runs.outputs[producer] == single.outputs[producer]
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


def test_several_instruments_intervals_and_strategies(tmp_path: Path) -> None:
    first = write_bars(tmp_path / "btc-perp-1m.csv", 500, period=40)
    second = write_bars(tmp_path / "eth-perp-1m.csv", 500, period=60)
    both = f'ingest.sources=["replay:{first}", "replay:{second}"]'
    wide = "ma_cross:fast=2,slow=5,name=wide,interval=5m"
    strategies = f'run.strategies=["ma_cross:fast=3,slow=9", "{REVERSION}", "{wide}"]'
    assert same_both_ways(resolved(f"replay:{first}", both, strategies).document) > 20


def test_instruments_that_miss_bars(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [shared_data / "bars" / f"{each}-btc-5m.parquet" for each in ("eth", "ltc", "xmr", "dash")]
    sources = ", ".join(f'"replay:{file}"' for file in files)
    strategies = f'run.strategies=["ma_cross:fast=10,slow=40", "{REVERSION},interval=15m"]'
    settings = (f"ingest.sources=[{sources}]", "ingest.duration=2d", strategies)
    document = resolved(f"replay:{files[0]}", *settings).document
    assert same_both_ways(document) > 100
    whole = run_chained(document)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 5)
    monkeypatch.setattr(chunks, "_SPAN_INTERVALS", 2)
    assert run_chained(document).outputs == whole.outputs


def test_a_stop_ends_both_at_the_same_mark(tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 600, period=20)
    document = resolved(f"replay:{bars}", QUICK, "risk.trades_max=3", "risk.on_trades=end").document
    run = run_chained(document)
    assert same_both_ways(document) > 3
    assert run.outputs["strategy"][-1].ts < 400 * 60 * 10**9 + int(document["session"]["start"])


@pytest.mark.parametrize("duration", ["1h", "3700s", "20d"])
def test_a_duration_ends_the_data(tmp_path: Path, duration: str) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 600, period=20)
    assert same_both_ways(resolved(f"replay:{bars}", QUICK, f"ingest.duration={duration}").document) > 3


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_where_history_is_cut_into_chunks_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 400, period=30)
    document = resolved(f"replay:{bars}", QUICK).document
    whole = run_chained(document)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", rows)
    monkeypatch.setattr(chunks, "_SPAN_INTERVALS", rows)
    cut = run_chained(document)
    assert cut.outputs == whole.outputs
    assert whole.fills


@settings(max_examples=6)
@example(seed=337, fast=2, latency_ms=0)  # the last interval is empty: the end of the data is not skipped to
@given(seed=st.integers(0, 10**6), fast=st.integers(2, 6), latency_ms=st.sampled_from([0, 20, 450]))
def test_invented_trades_of_several_instruments(seed: int, fast: int, latency_ms: int) -> None:
    document = resolved(
        f"synthetic:{seed}",
        "ingest.synthetic.symbols={btc-usdt = 100, eth-usdt = 20}",
        "ingest.duration=90s",
        f"execution.paper.submit_latency_ns={latency_ms * 1_000_000}",
        f'run.strategies=["ma_cross:fast={fast},slow=9", "ma_cross:fast=2,slow=5,name=wide,interval=3s"]',
    ).document
    assert same_both_ways(document) > 0


@pytest.mark.parametrize(("sample_s", "grid"), [(1, "100ms"), (1, "300ms"), (2, "1s"), (1, "5s")])
def test_samples_inside_a_run_are_those_of_single_intervals(sample_s: int, grid: str) -> None:
    document = resolved(
        "synthetic:11",
        "ingest.synthetic.symbols={btc-usdt = 100, eth-usdt = 20}",
        "ingest.duration=6m",
        f"ingest.grid={grid}",
        f"risk.sample_interval_s={sample_s}",
        'run.strategies=["ma_cross:fast=2,slow=5,interval=15s"]',
    ).document
    assert same_both_ways(document) > 0
    run = run_chained(document)
    samples = [each for each in run.outputs["risk"] if type(each) is PnlSampled]
    assert len(samples) >= 360 / max(sample_s, 5 if grid == "5s" else 0) - 1
    assert len({each.equity for each in samples}) > 3
    if grid == "100ms":
        assert run.presented < 0.5 * 3600
