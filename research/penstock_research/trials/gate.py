"""Whether a run is good enough to be promoted: each rule with its limit and the run's value."""

import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penstock_research.trials.significance import Significance, significance

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run must reach."""

    sharpe_min: float = 1.3
    drawdown_max: float = 0.10
    profit_factor_min: float = 1.2
    confidence_min: float = 0.95
    """Probability that the Sharpe ratio is above that of the best of so many worthless trials."""
    folds_positive_min: int = 4
    """Of `FOLDS` equal stretches of the run, how many must earn something."""
    trades_min: int = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule."""

    rule: str
    limit: str
    value: float | None
    passed: bool


class NoRun(Exception):
    """The folder holds no backtest."""


def gate(folder: Path, limits: Limits, trials: int = 1, sharpes: tuple[float, ...] = ()) -> list[Verdict]:
    """Judge a backtest's folder. `trials` is how many runs it is the best of. NoRun if it holds none."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        equity = pl.read_parquet(folder / "equity.parquet")
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise NoRun(f"{folder}: {str(error).splitlines()[0]}") from error
    daily = returns_of(equity)
    judged = significance(daily, trials, sharpes)
    folds = fold_returns(equity)
    trades = summary["trades"]
    loss_free = trades["count"] > 0 and trades["profit_factor"] is None and trades["lost"] == 0
    factor = math.inf if loss_free else trades["profit_factor"]
    return [
        _at_least("sharpe", summary["sharpe"], limits.sharpe_min),
        _below("drawdown", summary["drawdown_max_fraction"], limits.drawdown_max),
        _at_least("profit_factor", factor, limits.profit_factor_min),
        _at_least("trades", float(trades["count"]), limits.trades_min),
        _at_least(f"significance, of {trials} trials", _confidence(judged), limits.confidence_min),
        _at_least(
            f"folds that earn, of {FOLDS}", float(sum(each > 0 for each in folds)), limits.folds_positive_min
        ),
    ]


def returns_of(equity: pl.DataFrame) -> list[float]:
    """Daily returns of an equity table; hourly where it spans fewer than thirty days."""
    if equity.is_empty():
        return []
    span_days = (equity["ts"][-1] - equity["ts"][0]).total_seconds() / 86_400
    every = "1d" if span_days >= 30 else "1h"
    closes = equity.group_by_dynamic("ts", every=every).agg(pl.col("equity").last()).sort("ts")
    values = closes.upsample("ts", every=every)["equity"].forward_fill().to_list()
    return [after / before - 1 for before, after in itertools.pairwise(values) if before > 0]


def fold_returns(equity: pl.DataFrame, folds: int = FOLDS) -> list[float]:
    """The return of each of so many stretches of equal time."""
    if equity.height < 2:
        return []
    times, values = equity["ts"].dt.epoch("ns").to_list(), equity["equity"].to_list()
    start, end = times[0], times[-1]
    edges = [start + (end - start) * at // folds for at in range(folds + 1)]
    at_edges, place = [values[0]], 0
    for edge in edges[1:]:
        while place + 1 < len(times) and times[place + 1] <= edge:
            place += 1
        at_edges.append(values[place])
    return [after / before - 1 for before, after in itertools.pairwise(at_edges) if before > 0]


def _confidence(judged: Significance) -> float | None:
    return judged.probabilistic if judged.trials <= 1 else judged.deflated


def _at_least(rule: str, value: float | None, limit: float) -> Verdict:
    return Verdict(rule, f"≥ {limit:g}", value, value is not None and value >= limit)


def _below(rule: str, value: float | None, limit: float) -> Verdict:
    return Verdict(rule, f"< {limit:g}", value, value is not None and value < limit)
