"""What a running session waits for, and what it says when something ends."""

import asyncio
import signal
import time
from pathlib import Path

from penstock_contracts.control import Session
from penstock_kernel.topology import PLACES, STAGES
from penstock_runtime.log import Log

from penstock.errors import CannotRun, ServiceHalted
from penstock.launch.commands import command
from penstock.launch.figures import Figures
from penstock.launch.health import Board
from penstock.launch.paths import SessionFolder
from penstock.launch.plan import PROJECTIONS, Plan
from penstock.launch.supervisor import Ended, Supervisor
from penstock.launch.view import SessionView

LOOK_S = 1.0
RECORDED_TIMEOUT_S = 60.0
ANSWERED_TIMEOUT_S = 8.0
ANSWERED_LOOK_S = 0.1
"""How long the end of a session waits for the recorder to write the rest."""


async def until_end(log: Log) -> Session:
    """The session's end message, once ingest has written it."""
    reader = await log.reader(["ctl"])
    try:
        while True:
            while (delivered := reader.poll()) is not None:
                message = delivered.decode() if delivered.kind == "session" else None
                if isinstance(message, Session) and message.phase == "end":
                    return message
            await reader.wait(LOOK_S)
    finally:
        await reader.stop()


async def until_service_ends(supervisor: Supervisor, folder: SessionFolder, view: SessionView) -> Ended:
    """The first trading service that ends for good. Recorder and api are projections: that is only said."""
    while True:
        ended = await supervisor.first_end()
        if ended.service in PROJECTIONS:
            supervisor.services.pop(ended.service)
            view.say(
                f"{ended.service} is gone (exit code {ended.code}): {last_words(folder, ended.service)}",
                "red",
            )
        elif ended.service:
            return ended
        else:
            await asyncio.sleep(LOOK_S)  # all that were started ended by themselves: the log says why


async def until_answered(log: Log) -> bool:
    """Wait until every stage has ended the last interval that ingest wrote, so that no tail is left unread;
    False when one does not in time.
    """
    mark = await log.last_of("md", "mark")
    last = mark.ts if mark is not None else 0
    deadline = time.monotonic() + ANSWERED_TIMEOUT_S
    while time.monotonic() < deadline:
        done = [await log.last_of(PLACES[each].family, "done") for each in STAGES]
        if all(each is not None and each.ts >= last for each in done):
            return True
        await asyncio.sleep(ANSWERED_LOOK_S)
    return False


async def until_recorded(log: Log, board: Board, supervisor: Supervisor) -> bool:
    """Wait until the recorder has written everything; False when it is gone or takes too long."""
    deadline = time.monotonic() + RECORDED_TIMEOUT_S
    mark = await log.last_of("md", "mark")
    last = mark.ts if mark is not None else 0
    while time.monotonic() < deadline:
        service = supervisor.services.get("recorder")
        if service is None or service.ended is not None:
            return False
        report = board.reports.get("recorder")
        if report is not None and report.mark >= last and report.lag == 0:
            return True
        await asyncio.sleep(0.1)
    return False


async def died(log: Log, plan: Plan, ended: Ended, open_now: str) -> None:
    """A trading service ended for good: say why and what is left open. Always raises."""
    why = last_words(plan.folder, ended.service)
    hint = f"its log is {plan.folder.logs / ended.service}.jsonl; left open: {open_now}"
    if not ended.gave_up:
        raise ServiceHalted(f"{ended.service} stopped for good (exit code {ended.code}): {why}", hint=hint)
    if plan.session.realtime and ended.service in {"risk", "execution", "fused"}:
        await log.publish_command(command("halt", f"{ended.service} stays down", by="launcher"))
    raise CannotRun(f"{ended.service} died too often in a row (exit code {ended.code}): {why}", hint=hint)


def last_words(folder: SessionFolder, service: str) -> str:
    """The last line that a service wrote."""
    for suffix in (".out", ".jsonl"):
        lines = _lines(folder.logs / f"{service}{suffix}")
        if lines:
            return lines[-1].strip()[:500]
    return "it said nothing"


def left_open(figures: Figures) -> str:
    """Positions and working orders as risk told them last."""
    if figures.trading_state is None:
        return "unknown, risk was not heard"
    left = [f"{strategy} {quantity:+f} {key}" for strategy, key, quantity in figures.positions]
    if figures.working:
        left.append(f"{figures.working} working orders")
    return ", ".join(left) or "nothing"


def restart_text(service: str, code: int) -> str:
    """What is said when a service is started again."""
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"{service} ended {how} and is started again"


def _lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").strip().splitlines() if file.exists() else []
