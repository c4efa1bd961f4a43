"""`penstock gate`: may a run be promoted? For people and for CI."""

import json
from pathlib import Path
from typing import Annotated

import typer
from penstock_research.trials.gate import Limits, NoRun
from penstock_research.trials.gate import gate as judge
from rich.table import Table

from penstock.commands.backtest import ratio
from penstock.commands.output import console
from penstock.errors import CommandError, ConfigError

_DEFAULT = Limits()


def gate(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A backtest's or a sweep's folder.")],
    sharpe: Annotated[float, typer.Option("--sharpe", help="At least.")] = _DEFAULT.sharpe_min,
    drawdown: Annotated[float, typer.Option("--drawdown", help="Less than this.")] = _DEFAULT.drawdown_max,
    profit_factor: Annotated[
        float, typer.Option("--profit-factor", help="At least.")
    ] = _DEFAULT.profit_factor_min,
    confidence: Annotated[
        float, typer.Option("--confidence", help="That it is no accident, at least.")
    ] = _DEFAULT.confidence_min,
    folds: Annotated[
        int, typer.Option("--folds", help="Of five stretches, how many earn at least.")
    ] = _DEFAULT.folds_positive_min,
    trades: Annotated[int, typer.Option("--trades", help="At least.")] = _DEFAULT.trades_min,
) -> None:
    """Hold a run against the limits of promotion.

    Of a sweep's folder the best run is judged, knowing how many were tried. Exit codes: 0 it may pass, 1 it
    may not, 78 there is no run.
    """
    limits = Limits(sharpe, drawdown, profit_factor, confidence, folds, trades)
    tried: int = 1
    sharpes: tuple[float, ...] = ()
    if (folder / "best").is_dir():
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        tried, sharpes = summary["trials"], tuple(summary["sharpes"])
        folder /= "best"
    try:
        verdicts = judge(folder, limits, tried, sharpes)
    except NoRun as error:
        raise ConfigError(str(error)) from error
    shown = console()
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in verdicts:
        mark = "[green]✓[/]" if each.passed else "[red]✗[/]"
        table.add_row(mark, each.rule, ratio(each.value), f"[dim]{each.limit}[/]")
    shown.print(table)
    failed = [each.rule for each in verdicts if not each.passed]
    if failed:
        raise CommandError(f"{folder}: not to be promoted: {', '.join(failed)}")
    shown.print(f"[green]✓[/] {folder}: may be promoted")
