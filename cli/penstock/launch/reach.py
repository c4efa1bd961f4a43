"""Reaching the running session of a data directory from another process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from penstock_contracts.control import Command
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log import Log

from penstock.errors import CannotRun, CommandError
from penstock.launch.figures import Figures, Rate, figures
from penstock.launch.health import Board, listen
from penstock.launch.paths import DataDir, Running

HEARD_TIMEOUT_S = 5.0
LOOK_S = 0.1


def running_session(data_dir: DataDir) -> Running:
    """The session that runs now. CommandError when none does."""
    running = data_dir.running()
    if running is None:
        raise CommandError(
            f"no session runs on {data_dir.path}", hint="start one with `penstock up`, or name its --data-dir"
        )
    return running


@asynccontextmanager
async def session_log(running: Running) -> AsyncIterator[Log]:
    """The session's log. CannotRun when it cannot be reached."""
    try:
        log = await Log.connect(running.nats_url, partition=running.partition, name="cli")
    except RuntimeFailure as error:
        raise CannotRun(f"session {running.session_id} cannot be reached: {error}") from error
    try:
        yield log
    finally:
        await log.close()


async def looks(running: Running, log: Log) -> AsyncIterator[Figures]:
    """The session's figures, each second, from when every service was heard or would have been."""
    board, rate = Board(), Rate()
    await listen(log, board)
    deadline = time.monotonic() + HEARD_TIMEOUT_S
    # Polled: reports come by themselves, one after another.
    while not all(name in board.reports for name in running.services) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    while True:
        yield figures(board, rate, running.services)
        await asyncio.sleep(1.0)


async def give(running: Running, order: Command, done: Callable[[str], bool], timeout_s: float) -> str | None:
    """Write a command to the log; returns the trading state once it is one that was wanted, else None."""
    async with session_log(running) as log:
        board = Board()
        await listen(log, board)
        try:
            await log.publish_command(order)
        except RuntimeFailure as error:
            raise CannotRun(str(error)) from error
        given_at, deadline = time.time_ns(), time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            report = board.reports.get("risk") or board.reports.get("fused")
            state = board.view("risk").get("state")
            if report is not None and report.ts > given_at and state is not None and done(str(state)):
                return str(state)
            await asyncio.sleep(LOOK_S)
    return None
