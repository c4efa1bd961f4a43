"""A search over parameters: grid, random or Optuna, on all cores, resumable."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Literal, Protocol

from penstock_research.trials.journal import Journal, key_of
from penstock_research.trials.run import History, Window, trial
from penstock_research.trials.space import Dimension, Value, draws, grid

Method = Literal["grid", "random", "optuna"]
OBJECTIVES = ("sharpe", "sortino", "calmar", "return", "profit_factor")
Told = Callable[[int, int, Mapping[str, Any]], None]
"""Told of each trial: how many are done, how many there will be, and its row."""


class OptunaMissing(Exception):
    """Optuna is not installed."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched."""

    dimensions: tuple[Dimension, ...]
    method: Method = "grid"
    trials: int = 100
    """Of random and optuna."""
    objective: str = "sharpe"
    seed: int = 1
    workers: int = 0
    """0: one for each core."""

    @property
    def count(self) -> int:
        """How many trials there will be."""
        return sum(1 for _ in grid(self.dimensions)) if self.method == "grid" else self.trials


class _Asker(Protocol):
    """Proposes trials, and learns from them."""

    def ask(self) -> dict[str, Value] | None: ...
    def tell(self, parameters: Mapping[str, Value], row: Mapping[str, Any]) -> None: ...


class _Listed:
    """Trials that are known beforehand."""

    def __init__(self, proposals: Iterator[dict[str, Value]]) -> None:
        self._proposals = proposals

    def ask(self) -> dict[str, Value] | None:
        return next(self._proposals, None)

    def tell(self, parameters: Mapping[str, Value], row: Mapping[str, Any]) -> None:
        """Nothing is learnt."""


class _Optuna:
    """Optuna's tree-structured Parzen estimator, seeded. One worker gives the same search each time."""

    def __init__(self, search: Search) -> None:
        try:
            import optuna  # noqa: PLC0415  (an extra)
        except ImportError:
            raise OptunaMissing("optuna is not installed: pip install 'penstock[research]'") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._search = search
        sampler = optuna.samplers.TPESampler(seed=search.seed)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._space = {each.name: _distribution(optuna, each) for each in search.dimensions}
        self._open: dict[str, list[Any]] = {}
        self._asked = 0

    def ask(self) -> dict[str, Value] | None:
        if self._asked >= self._search.trials:
            return None
        self._asked += 1
        asked = self._study.ask(self._space)
        self._open.setdefault(key_of(asked.params), []).append(asked)
        return dict(asked.params)

    def tell(self, parameters: Mapping[str, Value], row: Mapping[str, Any]) -> None:
        value = row.get(self._search.objective)
        failed = self._optuna.trial.TrialState.FAIL
        waiting = self._open.get(key_of(parameters))
        if waiting:
            trial_ = waiting.pop()
            self._study.tell(trial_, value) if value is not None else self._study.tell(trial_, state=failed)
            return
        # One of an earlier run of this search.
        self._asked += 1
        state = self._optuna.trial.TrialState.COMPLETE if value is not None else failed
        made = self._optuna.trial.create_trial(
            params=dict(parameters), distributions=self._space, value=value, state=state
        )
        self._study.add_trial(made)


def _distribution(optuna: Any, dimension: Dimension) -> Any:
    if dimension.values:
        return optuna.distributions.CategoricalDistribution(list(dimension.values))
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high)


def run_search(
    search: Search,
    document: Mapping[str, Any],
    history: History,
    window: Window,
    journal: Journal | None = None,
    told: Told | None = None,
) -> list[dict[str, Any]]:
    """Run every trial that the journal does not have; returns the rows of all, best first."""
    rows = {} if journal is None else journal.rows
    found: dict[str, tuple[dict[str, Value], dict[str, Any]]] = {
        key: (entry["parameters"], entry["row"]) for key, entry in rows.items()
    }
    asker = _asker(search)
    for parameters, row in found.values():
        asker.tell(parameters, row)
    whole = search.count
    with _Pool(search.workers or os.cpu_count() or 1, document, history, window) as pool:
        for parameters, row in _evaluated(asker, pool, set(found)):
            asker.tell(parameters, row)
            found[key_of(parameters)] = (parameters, row)
            if journal is not None:
                journal.add(parameters, row)
            if told is not None:
                told(len(found), whole, row)
    return ranked([row for _, row in found.values()], search.objective)


def ranked(rows: Sequence[dict[str, Any]], objective: str) -> list[dict[str, Any]]:
    """Best first; what has no value, and what failed, last."""

    def place(row: Mapping[str, Any]) -> tuple[int, float, str]:
        value = row.get(objective)
        failed = row["status"] != "done"
        return (2 if failed else 1 if value is None else 0, -(value or 0.0), key_of(row))

    return sorted(rows, key=place)


def _asker(search: Search) -> _Asker:
    if search.method == "grid":
        return _Listed(grid(search.dimensions))
    if search.method == "random":
        return _Listed(draws(search.dimensions, search.trials, search.seed))
    return _Optuna(search)


def _evaluated(
    asker: _Asker, pool: "_Pool", known: set[str]
) -> Iterator[tuple[dict[str, Value], dict[str, Any]]]:
    """Each trial that is new, as it is done; as many at once as there are workers."""
    running: dict[Future[dict[str, Any]], dict[str, Value]] = {}
    exhausted = False
    while True:
        while not exhausted and len(running) < pool.workers:
            proposal = asker.ask()
            if proposal is None:
                exhausted = True
            elif (key := key_of(proposal)) not in known:
                known.add(key)
                running[pool.submit(proposal)] = proposal
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda each: key_of(running[each])):
            yield running.pop(future), future.result()


class _Pool:
    """Worker processes that share the parent's data: forked, so that nothing is copied."""

    def __init__(self, workers: int, document: Mapping[str, Any], history: History, window: Window) -> None:
        self.workers = workers
        self._shared = (document, history, window)

    def __enter__(self) -> "_Pool":
        global _SHARED  # noqa: PLW0603  (what forked workers find)
        _SHARED = self._shared
        self._executor = None
        if self.workers > 1:
            self._executor = ProcessPoolExecutor(self.workers, mp_context=get_context("fork"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def submit(self, parameters: dict[str, Value]) -> Future[dict[str, Any]]:
        if self._executor is not None:
            return self._executor.submit(_work, parameters)
        future: Future[dict[str, Any]] = Future()
        future.set_result(_work(parameters))
        return future


_SHARED: tuple[Mapping[str, Any], History, Window] | None = None


def _work(parameters: dict[str, Value]) -> dict[str, Any]:
    assert _SHARED is not None
    document, history, window = _SHARED
    return trial(document, history, window, parameters)
