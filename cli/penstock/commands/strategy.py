"""`penstock strategy on|off|mode|list`: the strategies of the running session, switched while it runs."""

import asyncio
import time
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any

import typer
from penstock_contracts.control import Command, Verb
from penstock_runtime.board import Board, listen
from penstock_runtime.errors import RuntimeFailure
from rich.table import Table

from penstock.commands import options
from penstock.commands.output import console
from penstock.commands.steer import Reason
from penstock.config.explain import near
from penstock.errors import CannotRun, CommandError
from penstock.launch.commands import command
from penstock.launch.giving import ANSWER_TIMEOUT_S, by_api, give
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import LOOK_S, running_session, session_log

app = typer.Typer(name="strategy", help="Switch strategies while a session runs.", no_args_is_help=True)

MODES_S = 3.0
"""How long the modes are waited for, which risk tells: strategies are switched without them too."""
Strategies = dict[str, dict[str, Any]]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `penstock strategy list` shows it.")]


@app.command("list")
def show(data_dir: options.DataDirectory = options.DATA_DIR) -> None:
    """Show the strategies of the running session: on or off, mode, signals, positions."""
    known = asyncio.run(_switch(running_session(DataDir.at(data_dir)), None, None))
    table = Table("strategy", "state", "mode", "signals", "positions", box=None, header_style="dim")
    for name, each in known.items():
        state = "failed" if each["failed"] else "on" if each["on"] else "off"
        held = ", ".join(f"{quantity} {key}" for key, quantity in each["positions"].items())
        table.add_row(name, state, each["mode"], str(each["signals"]), held or "flat")
    console().print(table)


@app.command()
def off(
    name: Name,
    reason: Reason = "operator",
    close: Annotated[
        bool, typer.Option("--close", help="It is asked to close its positions first; else they stay.")
    ] = False,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Switch a strategy off: it is shown no data, and what it wants is held back."""
    _give(DataDir.at(data_dir), "strategy_off", name, reason, {"positions": "close"} if close else {})


@app.command()
def on(name: Name, reason: Reason = "operator", data_dir: options.DataDirectory = options.DATA_DIR) -> None:
    """Switch a strategy on: it goes on where it was; one that failed starts anew."""
    _give(DataDir.at(data_dir), "strategy_on", name, reason, {})


class Mode(StrEnum):
    """What becomes of what a strategy wants."""

    TRADE = "trade"
    SHADOW = "shadow"


@app.command()
def mode(
    name: Name,
    wanted: Annotated[Mode, typer.Argument(metavar="trade|shadow", help="shadow: a virtual ledger only.")],
    reason: Reason = "operator",
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Put a strategy into the shadow, or let it trade. Refused while anything of it is open.

    To have it flat first: `penstock strategy off NAME --close`, and `penstock strategy on NAME` afterwards.
    """
    order = replace(
        command("strategy_mode", reason, by="cli"), strategy=name, arguments={"mode": wanted.value}
    )
    told = give(running_session(DataDir.at(data_dir)), order)
    console().print(told.reason, markup=False)


def _give(place: DataDir, verb: Verb, name: str, reason: str, arguments: dict[str, str]) -> None:
    order = replace(command(verb, reason, by="cli"), strategy=name, arguments=arguments)
    running, wanted = running_session(place), verb == "strategy_on"
    if by_api(running, order) is None:
        _switched(asyncio.run(_switch(running, order, name)), verb, name, wanted=wanted)
    console().print(f"{name} is {'on' if wanted else 'off'}", markup=False)


def _switched(known: Strategies, verb: Verb, name: str, *, wanted: bool) -> None:
    if known[name]["on"] is not wanted:
        raise CommandError(
            f"{verb} is in the log, but the strategy service did not follow within {ANSWER_TIMEOUT_S:.0f} s",
            hint="see `penstock status`",
        )


async def _switch(running: Running, order: Command | None, name: str | None) -> Strategies:
    """Write a command to the log; returns the strategies as they are then."""
    async with session_log(running) as log:
        board = Board()
        await listen(log, board)
        known = await _heard(board, 0)
        if name is not None and name not in known:
            raise CommandError(f"the session has no strategy {name}; {near(name, set(known))}")
        if order is None or name is None:
            return known
        try:
            await log.publish_command(order)
        except RuntimeFailure as error:
            raise CannotRun(str(error)) from error
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while known[name]["on"] is not (order.verb == "strategy_on") and time.monotonic() < deadline:
            known = await _heard(board, time.time_ns())
        return known


async def _heard(board: Board, after: int) -> Strategies:
    """What the strategy service says next. CannotRun when it says nothing."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    unknown_until = time.monotonic() + MODES_S
    while time.monotonic() < deadline:
        report = board.reports.get("strategy") or board.reports.get("fused")
        strategies = board.view("strategy").get("strategies")
        if report is not None and report.ts > after and strategies:
            modes = board.view("risk").get("modes")
            if modes is None and time.monotonic() < unknown_until:
                await asyncio.sleep(LOOK_S)
                continue
            modes = modes or {}
            return {name: {**each, "mode": modes.get(name, "")} for name, each in strategies.items()}
        await asyncio.sleep(LOOK_S)
    raise CannotRun("the strategy service was not heard", hint="see `penstock status`")
