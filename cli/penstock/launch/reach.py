"""Reaching the running session of a data directory from another process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from penstock_contracts.codec import decode
from penstock_contracts.control import Command
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.subjects import subject
from penstock_runtime.board import Board, listen
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log import Log

from penstock.errors import CannotRun, CommandError
from penstock.launch.figures import Figures, Rate, figures
from penstock.launch.paths import DataDir, Running

HEARD_TIMEOUT_S = 5.0
LOOK_S = 0.1
STEP_LOOK_S = 0.02
_BESIDE_TRADING = ("recorder", "api")


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


async def step(running: Running, order: Command, goes_on: Callable[[], bool]) -> Figures | None:
    """Have a stepped session pass the marks of a `step` command; returns its figures as of the last of them.

    None when the session ended meanwhile: the data was over.
    """
    async with session_log(running) as log:
        board, rate = Board(), Rate()
        await listen(log, board)
        try:
            await log.publish_command(order)
        except RuntimeFailure as error:
            raise CannotRun(str(error)) from error
        while goes_on():
            heard = [each for each in running.services if each in board.reports]
            complete = all(each in heard for each in running.services if each not in _BESIDE_TRADING)
            stepped = board.view("ingest").get("stepped") == order.command_id
            if complete and stepped and board.mark >= board.reports["ingest"].mark:
                return figures(board, rate, heard)
            await asyncio.sleep(STEP_LOOK_S)
    return None


async def ask(
    running: Running, order: Command, timeout_s: float, *after: Command
) -> TradingStateChanged | None:
    """Write a command to the log, then others; returns what risk says to it, None if nothing in time."""
    async with session_log(running) as log:
        return await ask_over(log, order, timeout_s, *after)


async def ask_over(log: Log, order: Command, timeout_s: float, *after: Command) -> TradingStateChanged | None:
    """The same over a log that is connected. CannotRun when the log does not take the commands."""
    answered: asyncio.Future[TradingStateChanged] = asyncio.get_running_loop().create_future()

    async def heard(_: str, data: bytes) -> None:
        try:
            said = decode("ord", "state", 1, data)
        except UnreadableMessage:
            return  # whoever reads the log halts on it; here only one answer is waited for
        assert isinstance(said, TradingStateChanged)
        if said.command_id == order.command_id and not answered.done():
            answered.set_result(said)

    await log.subscribe_core(subject(log.partition, "ord", 1, "state"), heard)
    try:
        for each in (order, *after):
            await log.publish_command(each)
        async with asyncio.timeout(timeout_s):
            return await answered
    except RuntimeFailure as error:
        raise CannotRun(str(error)) from error
    except TimeoutError:
        return None
