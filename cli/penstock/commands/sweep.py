"""`penstock sweep` and `penstock walk-forward`: many runs over the same data, on all cores."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from penstock_contracts.headers import rfc3339
from penstock_kernel.session import SessionConfig
from penstock_research.compose import nanoseconds
from penstock_research.environment import data_files
from penstock_research.folder import config_hash, write_folder
from penstock_research.trials.journal import Journal, OtherSearch
from penstock_research.trials.pools import ClusterError
from penstock_research.trials.report import write_page, write_trials
from penstock_research.trials.run import (
    History,
    UnknownParameter,
    period_returns,
    run_window,
    with_parameters,
)
from penstock_research.trials.search import OBJECTIVES, Method, OptunaMissing, Search, run_search
from penstock_research.trials.significance import significance
from penstock_research.trials.space import SpaceError, parse
from penstock_research.trials.walk import Fold, NoFolds, Plan, Walked, folds, together, walk_forward
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.trials import keep_trials
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from penstock.commands import options
from penstock.commands.backtest import Data, percent, ratio, resolved_for
from penstock.commands.output import console
from penstock.config.resolve import Resolved
from penstock.errors import CommandError, ConfigError

SEARCH = "Search"
SHOWN = 10
Parameter = Annotated[
    list[str],
    typer.Option(
        "--param", metavar="NAME=VALUES", rich_help_panel=SEARCH,
        help="fast=5..30:5, slow=50,100, entry=1.0..3.0; strategy.name=… where there are several; repeat.",
    ),
]  # fmt: skip
How = Annotated[
    str, typer.Option("--method", metavar="grid|random|optuna", rich_help_panel=SEARCH, help="Of the search.")
]
Trials = Annotated[int, typer.Option("--trials", min=1, rich_help_panel=SEARCH, help="Of random and optuna.")]
Objective = Annotated[
    str,
    typer.Option(
        "--objective", metavar="|".join(OBJECTIVES), rich_help_panel=SEARCH, help="What is ranked by."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, rich_help_panel=SEARCH, help="Of random and optuna.")]
Workers = Annotated[
    int, typer.Option("--workers", min=0, rich_help_panel=SEARCH, help="Processes; 0: one for each core.")
]
Scheduler = Annotated[
    str,
    typer.Option(
        "--scheduler", metavar="tcp://HOST:PORT", rich_help_panel=SEARCH, show_default=False,
        help="Run the trials on this Dask cluster (pip install 'penstock[cluster]').",
    ),
]  # fmt: skip
Database = Annotated[
    str,
    typer.Option(
        "--database", metavar="URL", rich_help_panel=SEARCH, show_default=False,
        envvar="PENSTOCK_RESEARCH_DATABASE",
        help="Keep the results in this PostgreSQL as well, in the schema research.",
    ),
]  # fmt: skip
Length = Annotated[str, typer.Option(metavar="TIME", rich_help_panel="Windows")]


def sweep(
    param: Parameter,
    data: Data = None,
    strategy: options.Strategy = None,
    method: How = "grid",
    trials: Trials = 100,
    objective: Objective = "sharpe",
    seed: Seed = 1,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    database: Database = "",
    instrument: options.Instrument = None,
    duration: options.Duration = None,
    capital: options.Capital = None,
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    instruments: options.InstrumentsFile = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    out: options.Out = Path("out/sweep"),
) -> None:
    """Try a strategy's parameters over the same data, and rank them.

    Each trial is a whole backtest. Every finished trial is on the disk: the same command goes on after a
    kill. A trial that fails is listed, the others go on. Writes trials.parquet, sweep.html, summary.json, and
    the best run to best/, which `penstock gate` judges knowing how many were tried.
    """
    search = _search(param, method, trials, objective, seed, workers, scheduler)
    market = options.MarketFlags(
        None, instrument, instruments, columns, time_format, None, duration, strategy, capital
    )
    resolved = resolved_for(data, options.config_options(market, profile, config, settings))
    history = _history(resolved)
    journal = _journal(out, _about(resolved, search))
    shown = console()
    known = len(journal.rows)
    if known:
        shown.print(f"going on with {known} trials that are done", style="dim")
    try:
        with_parameters(resolved.document, {each.name: 0 for each in search.dimensions}, declare=False)
        rows = _searched(shown, search, resolved.document, history, journal)
    except (OptunaMissing, UnknownParameter, ClusterError) as error:
        raise ConfigError(str(error)) from error
    finally:
        journal.close()
    _write(out, rows, search, resolved, history)
    _keep(shown, database, "sweep", journal.about, rows)
    _print_rows(shown, rows, search)
    shown.print(f"report {out / 'sweep.html'}")


def walk_forward_command(
    param: Parameter,
    train: Length,
    test: Length,
    data: Data = None,
    strategy: options.Strategy = None,
    purge: Length = "0s",
    embargo: Length = "0s",
    warm_up: Length = "0s",
    anchored: Annotated[bool, typer.Option("--anchored", help="Train from the start of the data.")] = False,
    method: How = "grid",
    trials: Trials = 100,
    objective: Objective = "sharpe",
    seed: Seed = 1,
    workers: Workers = 0,
    scheduler: Scheduler = "",
    database: Database = "",
    instrument: options.Instrument = None,
    capital: options.Capital = None,
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    instruments: options.InstrumentsFile = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    out: options.Out = Path("out/walk-forward"),
) -> None:
    """Choose parameters on one window, trade them on the next, again and again.

    `--purge` keeps training away from its test, `--embargo` separates a test from what is trained and tested
    after it, `--warm-up` lets features see data before a test. Every finished trial is on the disk: the same
    command goes on after a kill. Writes folds.json.
    """
    search = _search(param, method, trials, objective, seed, workers, scheduler)
    plan = Plan(
        _length(train), _length(test), _length(purge), _length(embargo), _length(warm_up), anchored=anchored
    )
    market = options.MarketFlags(
        None, instrument, instruments, columns, time_format, None, None, strategy, capital
    )
    resolved = resolved_for(data, options.config_options(market, profile, config, settings))
    history = _history(resolved)
    shown = console()
    try:
        count = len(folds(plan, history.window))
    except (NoFolds, ValueError) as error:
        raise ConfigError(f"--train {train} --test {test}: {error}") from error
    about = {**_about(resolved, search), "plan": asdict(plan)}
    _journal(out, about).close()
    try:
        walked = _walk(
            shown, plan, search, resolved, history, count,
            lambda fold: _journal(out / f"fold-{fold.number}", about),
        )  # fmt: skip
    except (OptunaMissing, ClusterError) as error:
        raise ConfigError(str(error)) from error
    judged = together(walked, search.count)
    rows = [dict(row, fold=each.fold.number) for each in walked for row in each.rows]
    _keep(shown, database, "walk-forward", about, rows)
    found = {"folds": [_fold(each) for each in walked], "significance": asdict(judged)}
    (out / "folds.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    shown.print(
        f"{len(walked)} folds, {sum(each.tested['return'] > 0 for each in walked)} of them earned; "
        f"the tests together: probability of a Sharpe ratio above 0 {percent(judged.probabilistic)}"
    )
    shown.print(f"report {out / 'folds.json'}")


def _walk(
    shown: Console,
    plan: Plan,
    search: Search,
    resolved: Resolved,
    history: History,
    count: int,
    journal_of: Callable[[Fold], Journal],
) -> list[Walked]:
    """All folds, and the table of them."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    trained = f"trained {search.objective}"
    for name in ("fold", "test from", "to", "parameters", trained, "tested Sharpe", "return", "trades"):
        table.add_column(name)
    walked = []
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("folds", total=count)
        for each in walk_forward(plan, search, resolved.document, history, None, journal_of):
            walked.append(each)
            bar.advance(task)
            chosen = ", ".join(f"{name}={value}" for name, value in each.parameters.items())
            table.add_row(
                str(each.fold.number), rfc3339(each.fold.test.start)[:16], rfc3339(each.fold.test.end)[:16],
                chosen, ratio(each.trained), ratio(each.tested["sharpe"]), percent(each.tested["return"]),
                str(each.tested["trades"]),
            )  # fmt: skip
    shown.print(table)
    return walked


def _search(
    param: list[str], method: str, trials: int, objective: str, seed: int, workers: int, scheduler: str
) -> Search:
    if objective not in OBJECTIVES:
        raise ConfigError(f"--objective {objective}: there are {', '.join(OBJECTIVES)}")
    methods: dict[str, Method] = {"grid": "grid", "random": "random", "optuna": "optuna"}
    if method not in methods:
        raise ConfigError(f"--method {method}: there are {', '.join(methods)}")
    try:
        search = Search(
            tuple(parse(each) for each in param), methods[method], trials, objective, seed, workers, scheduler
        )
        search.count  # noqa: B018  (a grid that cannot be is told before anything runs)
    except SpaceError as error:
        raise ConfigError(f"--param {error}") from error
    return search


def _history(resolved: Resolved) -> History:
    return History(resolved.feeds, SessionConfig.model_validate(resolved.document["session"]))


def _about(resolved: Resolved, search: Search) -> dict[str, Any]:
    """Which search this is: another one is not gone on with."""
    return {
        "configuration": config_hash(resolved.document),
        "data": [each.sha256 for each in data_files(resolved.document["ingest"]["sources"])],
        "dimensions": [asdict(each) for each in search.dimensions],
        "method": search.method,
        "seed": search.seed,
    }


def _journal(out: Path, about: Mapping[str, Any]) -> Journal:
    try:
        return Journal(out, about)
    except (OtherSearch, OSError) as error:
        raise ConfigError(f"--out {out}: {error}; name another folder") from error


def _keep(
    shown: Console, database: str, kind: str, about: Mapping[str, Any], rows: list[dict[str, Any]]
) -> None:
    if not database:
        return
    try:
        search_id = asyncio.run(keep_trials(database, kind, about, rows))
    except Unavailable as error:
        raise CommandError(f"--database: {error}; the results are in the folder") from error
    shown.print(f"kept as search {search_id} in research.trials", style="dim")


def _searched(
    shown: Console, search: Search, document: Mapping[str, Any], history: History, journal: Journal
) -> list[dict[str, Any]]:
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("trials", total=search.count)

        def told(done: int, _whole: int, _row: Mapping[str, Any]) -> None:
            bar.update(task, completed=done)

        return run_search(search, document, history, history.window, journal, told)


def _write(
    out: Path, rows: list[dict[str, Any]], search: Search, resolved: Resolved, history: History
) -> None:
    write_trials(rows, out)
    done = [each for each in rows if each["status"] == "done"]
    note = (
        f"{len(rows)} trials, {len(rows) - len(done)} failed; {search.method}, ranked by {search.objective}"
    )
    title = f"Sweep of {', '.join(each.name for each in search.dimensions)}"
    write_page(title, note, rows, search.dimensions, search.objective, out / "sweep.html")
    if not done:
        raise CommandError(f"no trial could run: {rows[0]['error'] if rows else 'there were none'}")
    parameters = {name[2:]: value for name, value in done[0].items() if name.startswith("p.")}
    document = with_parameters(resolved.document, parameters)
    result = run_window(document, history, history.window, charts=True)
    write_folder(result, document, out / "best", done[0]["seconds"])
    scale = result.performance.annualisation.periods_per_year**0.5
    sharpes = [each["sharpe"] / scale for each in done if each["sharpe"] is not None]
    judged = significance(period_returns(result), len(rows), sharpes)
    summary = {
        "trials": len(rows),
        "failed": len(rows) - len(done),
        "best": done[0],
        "significance": asdict(judged),
    }
    summary["sharpes"] = sharpes
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def _print_rows(shown: Console, rows: list[dict[str, Any]], search: Search) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    names = [each.name for each in search.dimensions]
    for name in (*names, "return", "Sharpe", "drawdown", "trades", "profit factor"):
        table.add_column(name, justify="right")
    for row in rows[:SHOWN]:
        values = [str(row.get(f"p.{name}")) for name in names]
        if row["status"] != "done":
            continue
        table.add_row(
            *values, percent(row["return"]), ratio(row["sharpe"]), percent(row["drawdown"]),
            str(row["trades"]), ratio(row["profit_factor"]),
        )  # fmt: skip
    shown.print(table)
    failed = [row for row in rows if row["status"] != "done"]
    for row in failed[:SHOWN]:
        tried = ", ".join(f"{name}={row.get(f'p.{name}')}" for name in names)
        shown.print(f"[yellow]failed[/] {tried}: {row['error']}", soft_wrap=True)
    shown.print(f"{len(rows)} trials, {len(failed)} failed, ranked by {search.objective}")


def _length(text: str) -> int:
    try:
        return nanoseconds(text) if text not in {"0", "0s"} else 0  # type: ignore[return-value]  # text is not None
    except ValueError as error:
        raise ConfigError(f"{text}: not a length of time; write 10d, 12h or 30m") from error


def _fold(each: Any) -> dict[str, Any]:
    return {
        "number": each.fold.number,
        "train": [rfc3339(each.fold.train.start), rfc3339(each.fold.train.end)],
        "test": [rfc3339(each.fold.test.start), rfc3339(each.fold.test.end)],
        "parameters": each.parameters,
        "trained": each.trained,
        "tested": each.tested,
    }
