"""`penstock restart`: one service after another drained and started again, while the session runs."""

import asyncio
import os
import signal
import time
from typing import Annotated

import psutil
import typer
from penstock_runtime.board import Board, Report, listen

from penstock.commands import options
from penstock.commands.output import console
from penstock.errors import CannotRun, CommandError
from penstock.launch.paths import DataDir, Running
from penstock.launch.reach import running_session, session_log

HEARD_TIMEOUT_S = 5.0
BACK_TIMEOUT_S = 30.0
LOOK_S = 0.1
NOT_BACK = frozenset({"starting", "catching up", "draining", "stopped"})


def restart(
    service: Annotated[
        list[str] | None, typer.Argument(help="Services, as `penstock status` names them; default: all.")
    ] = None,
    data_dir: options.DataDirectory = options.DATA_DIR,
) -> None:
    """Drain services and start them again, one after another; each must run before the next is asked.

    The session goes on: nothing is lost, and nothing trades for the moment that a stage is away. Not for an
    upgrade: other code starts only where nothing is left to read (`penstock down`, install, `penstock up`).
    """
    running = running_session(DataDir.at(data_dir))
    names = service or list(running.services)
    for name in names:
        if name not in running.services:
            raise CommandError(
                f"the session has no service {name}", hint=f"there are {', '.join(running.services)}"
            )
    asyncio.run(_restart(running, names))


async def _restart(running: Running, names: list[str]) -> None:
    async with session_log(running) as log:
        board = Board()
        await listen(log, board)
        for name in names:
            before = await _heard(board, name)
            began = time.monotonic()
            _ask(running, name, before.pid)
            await _back(board, name, before.pid)
            console().print(f"{name} drained and runs again, after {time.monotonic() - began:.1f} s")


async def _heard(board: Board, name: str) -> Report:
    deadline = time.monotonic() + HEARD_TIMEOUT_S
    # Polled: reports come by themselves, one after another.
    while name not in board.reports:
        if time.monotonic() > deadline:
            raise CannotRun(f"{name} was not heard for {HEARD_TIMEOUT_S:.0f} s", hint="see `penstock status`")
        await asyncio.sleep(LOOK_S)
    return board.reports[name]


def _ask(running: Running, name: str, pid: int) -> None:
    """SIGTERM to a child of the launcher, and to nobody else."""
    try:
        if psutil.Process(pid).ppid() == running.pid:
            os.kill(pid, signal.SIGTERM)
            return
    except (psutil.NoSuchProcess, ProcessLookupError):
        pass
    raise CommandError(f"{name} (process {pid}) is no child of the launcher any more; try again")


async def _back(board: Board, name: str, before: int) -> None:
    deadline = time.monotonic() + BACK_TIMEOUT_S
    while True:
        report = board.reports[name]
        if report.pid != before and report.state not in NOT_BACK:
            return
        if time.monotonic() > deadline:
            raise CannotRun(
                f"{name} does not run again after {BACK_TIMEOUT_S:.0f} s", hint=f"see `penstock logs {name}`"
            )
        await asyncio.sleep(LOOK_S)
