"""`penstock backtest`: history through the stages that trade, as fast as they go."""

import os
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from penstock_ingest.errors import IngestError
from penstock_research.backtest import Backtest
from penstock_research.compose import SESSION
from penstock_research.folder import FolderInUse, check_writable, write_folder
from penstock_research.outcome import StrategyFailed
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.config.load import ConfigOptions, Flag, load
from penstock.config.resolve import Resolved, resolve
from penstock.errors import CommandError, ConfigError
from penstock.launch.view import NOTHING, moment, money, number

Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data", metavar="FILE", rich_help_panel=options.MARKET,
        help="A file of bars, trades, quotes or books, or another source of `paper`; repeat for several.",
    ),
]  # fmt: skip
OutFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", rich_help_panel=options.PLACE, help="Where the results go.")
]
SHOWN_S = 0.1


def backtest(
    data: Data = None,
    strategy: options.Strategy = None,
    instrument: options.Instrument = None,
    duration: options.Duration = None,
    capital: options.Capital = None,
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    instruments: options.InstrumentsFile = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    out: OutFolder = Path("out/backtest"),
) -> None:
    """Run strategies over history, through the stages and the paper venue that trade.

    The fills are those of `penstock paper` over the same data, bit for bit: `fills_hash` says so. Writes
    summary.json, fills, trades and equity as Parquet, manifest.json and report.html to the folder, or nothing
    when it fails. Exit codes: 0 done, 1 a strategy raised, 78 configuration or data.
    """
    market = options.MarketFlags(
        None, instrument, instruments, columns, time_format, None, duration, strategy, capital
    )
    resolved = resolved_for(data, options.config_options(market, profile, config, settings))
    shown = console()
    check_folder(out)
    run = Backtest.of(resolved.document, resolved.feeds)
    print_assumptions(shown, run, resolved.profile)
    summary = run_and_write(shown, run, out)
    print_summary(shown, summary, out)


def resolved_for(data: list[str] | None, given: ConfigOptions) -> Resolved:
    """The configuration of a run over these data, at the speed of a backtest."""
    sources = [Flag("--data", "ingest.sources", [source_of(each) for each in data])] if data else []
    flags = (*given.flags, *sources, Flag("backtest", "ingest.speed", "max"))
    loaded = load(ConfigOptions(given.profile, given.file, flags, given.settings), os.environ)
    if not data and not loaded.is_set("ingest", "sources"):
        raise ConfigError("--data: name a file, as in --data bars.csv")
    return resolve(loaded, SESSION, time.time_ns())


def source_of(text: str) -> str:
    """A file as the source that replays it; what names a source already stays."""
    kind = text.partition(":")[0]
    named = kind in {"synthetic", "replay", "recording"} and not Path(text).exists()
    return text if named else f"replay:{text}"


def check_folder(out: Path) -> None:
    """ConfigError where the folder cannot be written."""
    try:
        check_writable(out)
    except (FolderInUse, OSError) as error:
        raise ConfigError(f"--out {out}: {error}") from error


def run_and_write(shown: Console, run: Backtest, out: Path) -> dict[str, Any]:
    """Run with a progress bar, then write the folder; returns the summary."""
    began = time.perf_counter()
    try:
        with Progress(
            TextColumn("{task.fields[at]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]} rows  {task.fields[fills]} fills"),
            TimeElapsedColumn(),
            console=shown,
            transient=True,
            disable=not shown.is_terminal,
        ) as bar:
            run.run(_progress(bar, run))
    except StrategyFailed as error:
        raise CommandError(f"strategy {error}", "nothing was written") from error
    except IngestError as error:
        raise ConfigError(str(error)) from error
    seconds = time.perf_counter() - began
    summary = write_folder(run.result, run.document, out, seconds)
    rate = summary["rows"] / seconds if seconds else 0.0
    shown.print(f"{number(summary['rows'])} rows in {seconds:.2f} s, {number(rate)} a second", style="dim")
    return summary


def _progress(bar: Progress, run: Backtest) -> Any:
    start, end = run.session.start, run.planned_end
    task = bar.add_task("", total=None if end is None else end - start, at=moment(start), rows="0", fills="0")
    shown_at = time.monotonic()

    def show(ts: int, fills: int, rows: int) -> None:
        nonlocal shown_at
        if (now := time.monotonic()) - shown_at >= SHOWN_S:
            shown_at = now
            bar.update(task, completed=ts - start, at=moment(ts), rows=number(rows), fills=number(fills))

    return show


def print_assumptions(shown: Console, run: Backtest, profile: str) -> None:
    """What runs, and what was assumed of the instruments."""
    session = run.session
    for each in session.strategies:
        parameters = ", ".join(f"{key}={value}" for key, value in each.parameters.items()) or "its defaults"
        shown.print(f"{each.name} ({parameters}) on {_count(each.instruments)}, limits {profile}")
    for instrument in session.instruments:
        if instrument.assumptions:
            shown.print(
                f"[yellow]assumed[/] of {instrument.instrument}: {'; '.join(instrument.assumptions)}",
                soft_wrap=True,
            )


def _count(instruments: Sequence[str]) -> str:
    return instruments[0] if len(instruments) == 1 else f"{len(instruments)} instruments"


def print_summary(shown: Console, summary: dict[str, Any], folder: Path) -> None:
    """A run in a few lines."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    trades, currency = summary["trades"], summary["currency"]
    table.add_row(
        "period", f"{summary['start'][:19]}Z to {summary['end'][:19]}Z, ended by {summary['ended']}"
    )
    table.add_row("equity", f"{amount(summary['capital'])} → {amount(summary['equity_end'])} {currency}")
    table.add_row(
        "return", f"{percent(summary['return'])}, buy and hold {percent(summary['return_buy_and_hold'])}"
    )
    table.add_row(
        "ratios",
        f"Sharpe {ratio(summary['sharpe'])}, Sortino {ratio(summary['sortino'])}, "
        f"Calmar {ratio(summary['calmar'])} [dim]({summary['annualisation']})[/]",
    )
    table.add_row(
        "drawdown",
        f"largest {percent(summary['drawdown_max_fraction'])}, "
        f"mean {percent(summary['drawdown_mean_fraction'])}",
    )
    table.add_row(
        "trades",
        f"{number(trades['count'])}, won {percent(trades['win_rate'])}, profit factor "
        f"{ratio(trades['profit_factor'])}, expectancy {amount(trades['expectancy'])}",
    )
    table.add_row(
        "costs", f"fees {amount(summary['fees'])}, turnover {amount(summary['turnover'])} {currency}"
    )
    refused = ", ".join(f"{rule} {count}" for rule, count in summary["refusals"].items())
    signals = summary["signals"]
    table.add_row(
        "signals",
        f"approved {signals['approved']}, refused {signals['refused']}{f' ({refused})' if refused else ''}, "
        f"no change {signals['no_change']}, superseded {signals['superseded']}",
    )
    if summary["quarantined"]:
        table.add_row("quarantined", f"{number(summary['quarantined'])} rows")
    table.add_row("fills", f"{number(summary['fills'])}   [dim]{summary['fills_hash']}[/]")
    table.add_row("report", str(folder / "report.html"))
    shown.print(table)


def amount(text: str | None) -> str:
    """Money from the summary."""
    return NOTHING if text is None else money(Decimal(text))


def percent(value: float | None) -> str:
    """A fraction as per cent."""
    return NOTHING if value is None else f"{value:.2%}"


def ratio(value: float | None) -> str:
    """A ratio with two decimals."""
    return NOTHING if value is None else f"{value:.2f}"
