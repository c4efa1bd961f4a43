"""Walk-forward: choose parameters on one window, trade them on the next, again and again.

Purged: no training window comes nearer to its test than `purge`, so that no trade and no average spans both.
Embargoed: after each test, `embargo` goes by before the next one begins, and before training data resume.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock_research.report.statistics import Point, on_grid
from penstock_research.trials.journal import Journal
from penstock_research.trials.run import History, Window, period_returns, run_window, with_parameters
from penstock_research.trials.search import Search, Told, run_search
from penstock_research.trials.significance import Significance, significance


@dataclass(frozen=True, slots=True)
class Plan:
    """Lengths in ns of event time."""

    train: int
    test: int
    purge: int = 0
    embargo: int = 0
    warm_up: int = 0
    anchored: bool = False
    """Every training window begins at the start of the data."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One training window and the test after it."""

    number: int
    train: Window
    test: Window


@dataclass(frozen=True, slots=True)
class Walked:
    """What a fold came to."""

    fold: Fold
    parameters: dict[str, Any]
    trained: float | None
    """The objective in training."""
    tested: dict[str, Any]
    """The figures of the test."""
    returns: tuple[float, ...]
    points: tuple[Point, ...]
    rows: tuple[dict[str, Any], ...]
    """The trials of its training, best first."""


class NoFolds(ValueError):
    """The data are too short for a single fold."""


def folds(plan: Plan, whole: Window) -> list[Fold]:
    """The folds that fit. NoFolds when none does; ValueError for lengths that cannot be."""
    if plan.train <= 0 or plan.test <= 0 or min(plan.purge, plan.embargo, plan.warm_up) < 0:
        raise ValueError("the windows of training and test must be longer than nothing")
    found: list[Fold] = []
    begin = whole.start
    while True:
        train_end = begin + plan.train
        test_start = train_end + plan.purge
        test_end = test_start + plan.test
        if test_end > whole.end:
            break
        start = whole.start if plan.anchored else begin
        warm_up = min(plan.warm_up, test_start - whole.start)
        found.append(Fold(len(found) + 1, Window(start, train_end), Window(test_start, test_end, warm_up)))
        begin += plan.test + plan.embargo
    if not found:
        raise NoFolds("the data are shorter than one training window, the purge and one test")
    return found


def walk_forward(
    plan: Plan,
    search: Search,
    document: Mapping[str, Any],
    history: History,
    told: Told | None = None,
    journal_of: Callable[[Fold], Journal] | None = None,
) -> Iterator[Walked]:
    """Train and test each fold in turn. Trials that a fold's journal has are not made again."""
    for fold in folds(plan, history.window):
        journal = journal_of(fold) if journal_of is not None else None
        try:
            rows = run_search(search, document, history, fold.train, journal, told)
        finally:
            if journal is not None:
                journal.close()
        best = rows[0]
        if best["status"] != "done":
            raise ValueError(f"fold {fold.number}: no trial could run: {best['error']}")
        parameters = {name[2:]: value for name, value in best.items() if name.startswith("p.")}
        result = run_window(with_parameters(document, parameters), history, fold.test)
        curve, trades = result.performance.curve, result.performance.trades
        equity = [each for each in result.points if each[0] >= fold.test.start] or result.points[-1:]
        tested = {
            "return": float(result.points[-1][1] / result.points[0][1] - 1),
            "sharpe": curve.sharpe,
            "drawdown": curve.drawdown_fraction,
            "trades": trades.count,
            "profit_factor": trades.profit_factor,
            "fills_hash": result.fills_hash,
        }
        sampled = on_grid(equity, result.performance.annualisation.step_ns)
        yield Walked(
            fold,
            parameters,
            best.get(search.objective),
            tested,
            tuple(period_returns(result)),
            tuple(sampled),
            tuple(rows),
        )


def together(walked: list[Walked], trials: int) -> Significance:
    """What may be believed of all tests, one after another."""
    returns = [each for fold in walked for each in fold.returns]
    return significance(returns, trials)
