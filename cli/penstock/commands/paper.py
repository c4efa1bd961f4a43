"""`penstock paper`: one session on paper, in the foreground."""

import asyncio
import os
from typing import Annotated

import typer

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.summary import print_assumptions, print_report
from penstock.launch.paths import DataDir
from penstock.launch.plan import Plan
from penstock.launch.prepare import Place, new_plan, resumed_plan
from penstock.launch.run import SessionRun
from penstock.launch.view import SessionView

LAST = "last"
LINE_EVERY_S = 60.0
"""In the background, where `penstock status` is what one looks at."""


def paper(
    source: options.Source = None,
    instrument: options.Instrument = None,
    strategy: options.Strategy = None,
    duration: options.Duration = None,
    speed: options.Speed = None,
    capital: options.Capital = None,
    profile: options.Profile = None,
    config: options.ConfigFile = None,
    settings: options.Settings = None,
    instruments: options.InstrumentsFile = None,
    columns: options.Columns = None,
    time_format: options.TimeFormat = None,
    out: options.Out = options.OUT_DIR,
    data_dir: options.DataDirectory = options.DATA_DIR,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[SESSION]",
            rich_help_panel=options.PLACE,
            help="Go on with a session that was drained or cut off; without a name, with the last.",
        ),
    ] = None,
    fused: options.Fused = False,
    standby: options.Standby = None,
    live: options.Live = False,
    api_port: options.ApiPort = None,
    detached: Annotated[bool, typer.Option("--detached", hidden=True)] = False,
) -> None:
    """Trade on paper through the real services, and report.

    Starts a message bus and a database of its own, trades until the duration, the data, a limit or Ctrl-C
    ends it, closes all positions, writes the report to OUT/<session> and leaves no process behind. A second
    Ctrl-C stops at once and says what was left open. Exit codes: 0 ended as it should, 69 a server or service
    could not run, 70 a service halted, 73 the data directory is in use, 78 configuration, 130 interrupted.
    """
    market = options.MarketFlags(
        source, instrument, instruments, columns, time_format, speed, duration, strategy, capital, api_port
    )
    chosen = options.config_options(market, profile, config, settings)
    place = Place(
        DataDir.at(data_dir),
        out.expanduser().absolute(),
        fused=fused,
        standby=tuple(standby or ()),
        detached=detached,
        live=live,
    )
    if resume is None:
        plan = new_plan(chosen, place, os.environ)
    else:
        plan = resumed_plan(None if resume == LAST else resume, chosen, place)
    run_session(plan)


def run_session(plan: Plan) -> None:
    """Run a plan in the foreground and print its report."""
    shown = console()
    print_assumptions(shown, plan)
    if plan.live:
        gateway = plan.document["execution"]["live"]["gateway"]
        shown.print(f"[bold red]live[/]: orders leave for [bold]{gateway}[/]", soft_wrap=True)
    title = f"penstock paper   {plan.session.session_id}"
    with SessionView(shown, title, line_every_s=LINE_EVERY_S if plan.detached else 0) as view:
        report = asyncio.run(SessionRun(plan, view).run())
    if report is None:
        shown.print(f"drained; go on with [bold]penstock paper --resume {plan.session.session_id}[/]")
        return
    print_report(shown, report, plan.out / report.session_id)
