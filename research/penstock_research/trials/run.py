"""One trial: a document with other parameters over a window of data that all trials share."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.instrument import Instrument
from penstock_contracts.types import NEVER
from penstock_features.config import FeaturesConfig
from penstock_ingest.feed import Feed
from penstock_ingest.hours import hours_feeds
from penstock_kernel.grid import NS_PER_SECOND, grid_before
from penstock_kernel.session import SessionConfig
from penstock_strategy.declarations import declarations

from penstock_research.chained import Stages
from penstock_research.chunks import BATCHES, BatchFeed, Chunks, within
from penstock_research.market import Market
from penstock_research.outcome import Result, RunFigures
from penstock_research.report.statistics import on_grid
from penstock_research.trials.space import Value

Parameters = Mapping[str, Value]


class UnknownParameter(ValueError):
    """A dimension names no strategy of the session, or none clearly."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a trial trades: (start, end], after `warm_up` ns of data that only the features see."""

    start: int
    end: int
    warm_up: int = 0


class History:
    """All data of a session in memory, opened once and shared by every trial."""

    def __init__(self, feeds: Sequence[Feed], session: SessionConfig) -> None:
        known = session.by_key
        self.parts: list[tuple[Instrument, list[Message]]] = [
            (known[feed.instrument.instrument], list(feed.columns())) for feed in feeds
        ]
        batches = [each for _, messages in self.parts for each in messages if isinstance(each, BATCHES)]
        self.window = Window(session.start, max(int(each.ts_init[-1]) for each in batches))

    def feeds(self, start: int, end: int) -> list[BatchFeed]:
        """The rows in (start, end]."""
        return [BatchFeed(key, list(within(messages, start, end))) for key, messages in self.parts]


def with_parameters(
    document: Mapping[str, Any], parameters: Parameters, *, declare: bool = True
) -> dict[str, Any]:
    """The document with these parameters in its strategies. UnknownParameter where they have no place.

    What features computes follows from them; with `declare` it is declared anew.
    """
    specs = [dict(each, parameters=dict(each["parameters"])) for each in document["session"]["strategies"]]
    by_name = {each["name"]: each for each in specs}
    for name, value in parameters.items():
        strategy, dot, parameter = name.rpartition(".")
        if not dot and len(specs) > 1:
            raise UnknownParameter(f"{name}: of which strategy? Write {specs[0]['name']}.{name}")
        if dot and strategy not in by_name:
            raise UnknownParameter(f"{name}: there is no strategy {strategy}")
        (by_name[strategy] if dot else specs[0])["parameters"][parameter] = value
    changed = {**document, "session": {**document["session"], "strategies": specs}}
    if not declare:
        return changed
    session = SessionConfig.model_validate(changed["session"])
    features = FeaturesConfig.of(*declarations(session))
    return {**changed, "features": features.model_dump(mode="json")}


def run_window(
    document: Mapping[str, Any], history: History, window: Window, *, charts: bool = False
) -> Result:
    """Run a document over a window; the strategies are switched on when its warm-up is over.

    With `charts` the market is kept for a report.
    """
    grid = int(document["session"]["grid"])
    begin = window.start - window.warm_up
    feeds = history.feeds(begin, window.end)
    first = min((ts for feed in feeds if (ts := feed.next_time()) is not None), default=None)
    if first is None:
        raise ValueError("the window has no data")
    start = grid_before(first, grid)
    session = {**document["session"], "start": start}
    names = [each["name"] for each in session["strategies"]]
    strategy = (
        {**document.get("strategy", {}), "off": names} if window.warm_up else document.get("strategy", {})
    )
    stages = Stages.of({**document, "session": session, "strategy": strategy}, commands=False)
    sample_ns = int(document["risk"]["sample_interval_s"]) * NS_PER_SECOND
    result = Result(stages.session, sample_ns, Market(sample_ns) if charts else None)
    run = stages.history(result.take)
    last = max(ts for feed in feeds if (ts := feed.last_time()) is not None)
    hours = hours_feeds((feed.instrument for feed in feeds), start, last)
    chunks = Chunks([*feeds, *hours], grid, start)
    waiting = names if window.warm_up else []
    run.span_max = max(window.start - start, grid) if waiting else NEVER
    for ts in run.steps(chunks, start):
        if waiting:
            if ts >= window.start:
                run.commands += [_on(name, ts) for name in waiting]
                waiting, run.span_max = [], NEVER
            else:
                run.span_max = max(window.start - ts, grid)
    result.run = RunFigures(rows=chunks.rows)
    return result


def _on(strategy: str, ts: int) -> Command:
    return Command(
        command_id=f"on-{strategy}", verb="strategy_on", ts_issued=ts, ts_expires=NEVER, by="research",
        reason="the warm-up is over", strategy=strategy,
    )  # fmt: skip


def figures(result: Result, parameters: Parameters, seconds: float) -> dict[str, Any]:
    """A trial as a row."""
    performance, tally = result.performance, result.tally
    curve, trades, account = performance.curve, performance.trades, tally.account
    equity = account.equity if account else result.session.capital
    return {
        "status": "done",
        "error": "",
        **{f"p.{name}": value for name, value in parameters.items()},
        "return": float(equity / result.session.capital - 1),
        "sharpe": curve.sharpe,
        "sortino": curve.sortino,
        "calmar": curve.calmar,
        "drawdown": curve.drawdown_fraction,
        "trades": trades.count,
        "win_rate": trades.win_rate,
        "profit_factor": trades.profit_factor,
        "fees": float(account.fees) if account else 0.0,
        "fills": len(tally.fills),
        "fills_hash": result.fills_hash,
        "seconds": round(seconds, 4),
    }


def period_returns(result: Result) -> list[float]:
    """The returns of the curve on its own sampling grid."""
    points = on_grid(result.points, result.performance.annualisation.step_ns)
    values = [float(equity) for _, equity in points]
    return [after / before - 1 for before, after in itertools.pairwise(values) if before > 0]


def trial(
    document: Mapping[str, Any], history: History, window: Window, parameters: Parameters
) -> dict[str, Any]:
    """One trial as a row; what goes wrong is its row too."""
    began = time.perf_counter()
    try:
        result = run_window(with_parameters(document, parameters), history, window)
        return figures(result, parameters, time.perf_counter() - began)
    except Exception as error:  # a trial that cannot run is a result; the others go on
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return failed(parameters, said, time.perf_counter() - began)


def failed(parameters: Parameters, error: str, seconds: float) -> dict[str, Any]:
    """The row of a trial that could not run."""
    named = {f"p.{name}": value for name, value in parameters.items()}
    return {"status": "failed", "error": error, **named, "seconds": round(seconds, 4)}
