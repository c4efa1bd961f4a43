"""Runs of quiet intervals equal single ones for strategies of several instruments, shadows and guardrails."""

from pathlib import Path

import pytest
from penstock_contracts.orders import ShadowFilled, SignalRefused
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars


def sources(folder: Path, minutes: int = 500) -> tuple[str, str]:
    """Two files of bars, as the source and the setting that names both."""
    first = write_bars(folder / "btc-perp-1m.csv", minutes, period=40)
    second = write_bars(folder / "eth-perp-1m.csv", minutes, period=60)
    return f"replay:{first}", f'ingest.sources=["replay:{first}", "replay:{second}"]'


@pytest.mark.parametrize(
    "strategies",
    [
        '["pairs:period=20,entry=1.5,correlation_min=-0.99"]',
        '["momentum:period=8,entry=0.5,rsi_max=100", "pairs:period=20,entry=1.5,correlation_min=-0.99"]',
        '["ma_cross:fast=3,slow=9", "ma_cross:fast=2,slow=5,mode=shadow"]',
        '[{source="ma_cross", parameters={fast=3, slow=9}, guardrails={trades_per_day_max=3}}]',
    ],
)
def test_every_interval_and_runs_of_them_put_out_the_same(tmp_path: Path, strategies: str) -> None:
    source, both = sources(tmp_path)
    document = resolved(source, both, f"run.strategies={strategies}").document
    runs, single = run_chained(document), run_chained(document, runs=False)
    for producer in ("strategy", "risk", "execution"):
        assert runs.outputs[producer] == single.outputs[producer]
    assert len(runs.fills) > 3
    if "shadow" in strategies:
        assert any(isinstance(each, ShadowFilled) for each in runs.outputs["risk"])
        assert {each.strategy for each in runs.fills} == {"ma_cross"}
    if "guardrails" in strategies:
        refused = [each.rule for each in runs.outputs["risk"] if isinstance(each, SignalRefused)]
        assert "trades_per_day" in refused
