"""`penstock status|halt|resume|flatten`: look at the running session and steer it."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from penstock_contracts.control import Verb
from rich.console import Console

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CannotRun, CommandError
from penstock.launch.commands import command
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import give, looks, running_session, session_log
from penstock.launch.view import SessionView

ANSWER_TIMEOUT_S = 10.0

Reason = Annotated[str, typer.Option("--reason", help="Kept in the log with the command.")]


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
    as_json: options.Json = False,
) -> None:
    """Show the running session: money, positions, orders, services. Exit code 1 when none runs."""
    running = running_session(DataDir.at(data_dir))
    try:
        asyncio.run(_status(running, watch, as_json))
    except KeyboardInterrupt:
        return


async def _status(running: Running, watch: bool, as_json: bool) -> None:
    async with session_log(running) as log:
        if as_json:
            async for now in looks(running, log):
                document = {"session_id": running.session_id, **asdict(now)}
                typer.echo(json.dumps(document, default=str, indent=None if watch else 2))
                if not watch:
                    return
        with SessionView(console(), f"penstock   {running.session_id}") as view:
            async for now in looks(running, log):
                elapsed = (time.time_ns() - running.started_at) / 1e9
                view.show(now, elapsed, None)
                if not watch:
                    return


def halt(
    reason: Reason = "operator",
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Stop trading now: cancel what works, send nothing new. Positions stay; `penstock resume` ends it.

    Goes through the log of the running session; where that cannot be reached, through the kill file.
    """
    place = DataDir.at(data_dir)
    running = place.running()
    if running is not None:
        try:
            _give(running, "halt", reason, lambda state: state == "halted")
            return
        except CannotRun as error:
            Console(stderr=True).print(f"{error}; writing the kill file", markup=False)
    place.path.mkdir(parents=True, exist_ok=True)
    place.kill_file.touch()
    with contextlib.suppress(OSError):  # a full disk: that the file is there is what halts
        place.kill_file.write_text(f"{reason}\n", encoding="utf-8")
    console().print(f"wrote {place.kill_file}: a session that runs here halts, one that starts too")


def resume(
    reason: Annotated[str, typer.Option("--reason", help="Why trading may go on.", show_default=False)],
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Go on trading after a halt or a reduction. Needs a reason."""
    place = DataDir.at(data_dir)
    running = running_session(place)
    if place.kill_file.exists():
        raise CommandError(f"{place.kill_file} is there; remove it first")
    _give(running, "resume", reason, lambda state: state == "active")


def flatten(
    reason: Reason = "operator",
    override: Annotated[
        bool, typer.Option("--override", help="Also while halted: orders go out to close positions.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Cancel what works and close all positions at market. The session goes on, reducing, until `resume`."""
    running = running_session(DataDir.at(data_dir))
    _give(running, "flatten", reason, lambda state: state != "active", override=override)


def _give(
    running: Running, verb: Verb, reason: str, done: Callable[[str], bool], *, override: bool = False
) -> None:
    if not reason.strip():
        raise CommandError(f"{verb}: --reason must say something")
    order = command(verb, reason, by="cli", override=override)
    state = asyncio.run(give(running, order, done, ANSWER_TIMEOUT_S))
    if state is None:
        raise CommandError(
            f"{verb} is in the log of session {running.session_id}, but risk did not follow within "
            f"{ANSWER_TIMEOUT_S:.0f} s",
            hint="see `penstock status`",
        )
    console().print(f"{verb}: trading is {state}")
