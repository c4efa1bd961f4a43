"""The command `penstock`: what it can do, and how it ends."""

import contextlib
import logging
import sys
from collections.abc import Sequence
from typing import Annotated

import structlog
import typer
from rich.console import Console

from penstock import __version__
from penstock.commands import (
    alerts,
    archive,
    backtest,
    config,
    control,
    db,
    dlq,
    doctor,
    explain,
    gate,
    limits,
    lookahead,
    new,
    order,
    paper,
    query,
    restart,
    sessions,
    sql,
    stack,
    steer,
    strategy,
    sweep,
    token,
    trace,
    updown,
    validate,
    verify,
)
from penstock.errors import CONFIG, CommandError

app = typer.Typer(
    name="penstock",
    help="An event-sourced trading platform: trade on paper, operate sessions, prove reports.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        Console().print(f"penstock {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of `penstock` itself."""


TRADE, RESEARCH, OPERATE, LOOK = "Trade", "Research", "Operate", "Look"
app.command(rich_help_panel=TRADE)(paper.paper)
app.command(rich_help_panel=RESEARCH)(backtest.backtest)
app.command("check-lookahead", rich_help_panel=RESEARCH)(lookahead.check)
app.command(rich_help_panel=RESEARCH)(sweep.sweep)
app.command("walk-forward", rich_help_panel=RESEARCH)(sweep.walk_forward_command)
app.command(rich_help_panel=RESEARCH)(gate.gate)
app.command(rich_help_panel=TRADE)(updown.up)
app.command(rich_help_panel=TRADE)(updown.down)
app.command(rich_help_panel=OPERATE)(restart.restart)
app.command(rich_help_panel=OPERATE)(steer.halt)
app.command(rich_help_panel=OPERATE)(steer.reduce)
app.command(rich_help_panel=OPERATE)(steer.resume)
app.command(rich_help_panel=OPERATE)(steer.flatten)
app.command(rich_help_panel=OPERATE)(steer.close)
app.command(rich_help_panel=OPERATE)(steer.cancel)
app.command(rich_help_panel=OPERATE)(limits.limits)
app.command(rich_help_panel=LOOK)(control.status)
app.command(rich_help_panel=LOOK)(sessions.logs)
app.command(rich_help_panel=LOOK)(explain.explain)
app.command(rich_help_panel=LOOK)(trace.trace)
app.command(rich_help_panel=LOOK)(sql.sql)
app.command(rich_help_panel=LOOK)(validate.validate)
app.command(rich_help_panel=LOOK)(verify.verify)
app.command(rich_help_panel=LOOK)(doctor.doctor)
app.command(rich_help_panel=OPERATE)(archive.archive)
app.command(rich_help_panel=OPERATE)(archive.restore)
app.command("check-strategy", rich_help_panel=TRADE)(new.check)
app.add_typer(new.app, name="new", rich_help_panel=TRADE)
app.add_typer(config.app, name="config", rich_help_panel=LOOK)
app.add_typer(strategy.app, name="strategy", rich_help_panel=OPERATE)
app.add_typer(order.app, name="order", rich_help_panel=OPERATE)
app.add_typer(dlq.app, name="dlq", rich_help_panel=OPERATE)
app.add_typer(token.app, name="token", rich_help_panel=OPERATE)
app.add_typer(sessions.app, name="sessions", rich_help_panel=LOOK)
app.add_typer(alerts.app, name="alerts", rich_help_panel=OPERATE)
app.add_typer(stack.app, name="stack", rich_help_panel=OPERATE)
app.add_typer(db.app, name="db", rich_help_panel=OPERATE)
app.add_typer(query.app, name="query", rich_help_panel=LOOK)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit. One line on standard error says what went wrong."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns its exit code."""
    # A command's output is what it prints; the launcher of a session sets up a log file of its own.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        code = app(list(with_resume_value(arguments)), standalone_mode=False)
    except CommandError as error:
        _complain(str(error), error.hint)
        return error.exit_code
    except typer.TyperException as error:
        _complain(" ".join(error.format_message().split()))
        return CONFIG
    except typer.Abort:
        return 1
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else 0


def with_resume_value(arguments: Sequence[str]) -> list[str]:
    """`--resume` may stand alone: then it means the last session."""
    whole: list[str] = []
    for at, argument in enumerate(arguments):
        whole.append(argument)
        alone = at + 1 == len(arguments) or arguments[at + 1].startswith("-")
        if argument == "--resume" and alone:
            whole.append(paper.LAST)
    return whole


def _complain(text: str, hint: str = "") -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with contextlib.suppress(OSError):  # a full disk below a log file: the exit code still says it
        console.print("error:", style="bold red", end=" ")
        console.print(text, markup=False)
        if hint:
            console.print(hint, style="dim", markup=False)
