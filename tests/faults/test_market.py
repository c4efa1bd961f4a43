"""The load keeps orders working whatever the seed: a kill that hits none proves little."""

from __future__ import annotations

from pathlib import Path

import pytest
from penstock.config.load import ConfigOptions, load
from penstock.config.resolve import resolve
from penstock_contracts.orders import OrderApproved
from penstock_contracts.venue import Fill, OrderChanged
from penstock_research.chained import ChainedRun, run_chained

from faults import market

BARS = 1_500
SHARE_MIN = 0.7


def share_working(run: ChainedRun) -> float:
    """Of the time, with an order approved and not ended."""
    turns = [(each.ts, 1) for each in run.outputs["risk"] if isinstance(each, OrderApproved)]
    for each in run.outputs["execution"]:
        ended = isinstance(each, OrderChanged) and each.to_state.terminal
        if ended or (isinstance(each, Fill) and not each.quantity_left):
            turns.append((each.ts, -1))
    working, busy_ns, last = 0, 0, turns[0][0]
    for ts, change in sorted(turns):
        busy_ns += (ts - last) * (working > 0)
        working, last = working + change, ts
    return busy_ns / (BARS * market.MINUTE_S * 1e9)


@pytest.mark.parametrize("seed", range(1, 6))
def test_most_of_the_time_an_order_works(tmp_path: Path, seed: int) -> None:
    file = market.write_bars(tmp_path / "btc-perp-1m.csv", BARS, seed)
    document = resolve(load(ConfigOptions("open", None, (), market.replay(file)), {}), "s-1", 1).document
    assert share_working(run_chained(document)) > SHARE_MIN


def test_rows_are_counted_without_the_heading(tmp_path: Path) -> None:
    assert market.bars_in(market.write_bars(tmp_path / "btc-perp-1m.csv", 12, 1)) == 12
