"""`penstock up` and `penstock down`: a session in the background."""

import os
import signal
import sys
import time
from typing import Annotated

import typer

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CannotRun, CommandError
from penstock.launch.background import launch
from penstock.launch.paths import DataDir, Running
from penstock.launch.prepare import Place, new_plan, resumable, resumed_plan
from penstock.launch.reach import running_session

DRAIN_TIMEOUT_S = 60.0
POLL_S = 0.1


def up(
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
    fresh: Annotated[
        bool, typer.Option("--fresh", rich_help_panel=options.PLACE, help="Start a new session in any case.")
    ] = False,
    fused: options.Fused = False,
    standby: options.Standby = None,
    api_port: options.ApiPort = None,
) -> None:
    """Trade on paper in the background; goes on with the last session unless that has ended.

    Takes the flags of `penstock paper`. Look with `penstock status`, end with `penstock down`. Exit codes as
    those of `penstock paper`, for what goes wrong while it starts.
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
        detached=True,
    )
    last = resumable(place.data_dir)
    if fresh and last is not None:
        left = last.read()
        console().print(
            f"session {left.session_id} ({left.status}) is left behind with whatever it has open; its folder "
            f"stays: {last.path}",
            soft_wrap=True,
        )
        last = None
    if last is None:
        new_plan(chosen, place, os.environ)  # what is wrong with it is told here, not in a log file
    else:
        resumed_plan(last.session_id, chosen, place)
    arguments = _arguments(sys.argv[1:], last.session_id if last else None)
    running = launch(place.data_dir, arguments)
    told = f"session {running.session_id} runs (process {running.pid})"
    console().print(f"{told}; see {_where(running)}`penstock status --watch`", soft_wrap=True)


def down(
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Close all positions first, end the session, write its report.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Stop the session that runs in the background.

    Without `--flatten` it only drains: positions stay, and `penstock up` goes on.
    """
    place = DataDir.at(data_dir)
    running = running_session(place)
    if running.stack and not flatten:
        raise CommandError(
            f"session {running.session_id} runs in containers", hint="drain it with `docker compose down`"
        )
    os.kill(running.pid, signal.SIGINT if flatten else signal.SIGTERM)
    deadline = None if flatten else time.monotonic() + DRAIN_TIMEOUT_S
    while (now := place.running()) is not None and now.pid == running.pid:
        if deadline is not None and time.monotonic() > deadline:
            raise CannotRun(f"session {running.session_id} (process {running.pid}) does not end")
        time.sleep(POLL_S)
    record = place.session(running.session_id).read()
    if record.status not in {"ended", "stopped"}:
        raise CommandError(f"session {running.session_id} {record.status}: {record.stop_reason}")
    text = f"session {running.session_id} {record.status}"
    if record.status == "ended":
        text += f"; its report is {record.out / running.session_id}"
    console().print(text)


def _where(running: Running) -> str:
    return f"{running.api_url}/ and " if running.api_url else ""


def _arguments(given: list[str], session_id: str | None) -> list[str]:
    """The command line of the launcher in the background: that of `up`, as `paper`."""
    kept = [each for each in given[given.index("up") + 1 :] if each != "--fresh"]
    return ["paper", *kept, "--detached", *(["--resume", session_id] if session_id else [])]
