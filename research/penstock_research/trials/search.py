"""A search over parameters: grid, random or Optuna, on all cores or a cluster, resumable."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from penstock_research.trials.journal import Journal, key_of
from penstock_research.trials.pools import DaskPool, ForkedPool, Pool
from penstock_research.trials.run import History, Window, failed
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
    scheduler: str = ""
    """Address of a Dask cluster that runs the trials; empty: this machine."""

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
        unfit = self._optuna.trial.TrialState.FAIL
        waiting = self._open.get(key_of(parameters))
        if waiting:
            trial_ = waiting.pop()
            self._study.tell(trial_, value) if value is not None else self._study.tell(trial_, state=unfit)
            return
        # One of an earlier run of this search.
        self._asked += 1
        state = self._optuna.trial.TrialState.COMPLETE if value is not None else unfit
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
    shared = (document, history, window)
    with (
        DaskPool(search.scheduler, search.workers, shared)
        if search.scheduler
        else ForkedPool(search.workers, shared)
    ) as pool:
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
        unfit = row["status"] != "done"
        return (2 if unfit else 1 if value is None else 0, -(value or 0.0), key_of(row))

    return sorted(rows, key=place)


def _asker(search: Search) -> _Asker:
    if search.method == "grid":
        return _Listed(grid(search.dimensions))
    if search.method == "random":
        return _Listed(draws(search.dimensions, search.trials, search.seed))
    return _Optuna(search)


def _evaluated(
    asker: _Asker, pool: Pool, known: set[str]
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
            parameters = running.pop(future)
            yield parameters, _row_of(future, parameters)


def _row_of(future: Future[dict[str, Any]], parameters: Mapping[str, Value]) -> dict[str, Any]:
    """A trial's row; of one that has cost a cluster several workers, that it failed."""
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except Exception as error:  # the trial itself raises nothing: its worker died, and others after it
        return failed(parameters, f"{type(error).__name__}: {error}", 0.0)
