"""What a running session waits for, and what it says when something ends."""

import asyncio
import json
import signal
import time
from pathlib import Path

from penstock_contracts.control import Session
from penstock_kernel.topology import PLACES, STAGES
from penstock_runtime.asking import answer
from penstock_runtime.board import Board
from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Log

from penstock.errors import CannotRun, ServiceHalted
from penstock.launch.advice import advice
from penstock.launch.commands import UNTIL_READ_S, command
from penstock.launch.figures import Figures
from penstock.launch.notes import Notes
from penstock.launch.paths import SessionFolder
from penstock.launch.plan import PROJECTIONS, STANDBY, Plan
from penstock.launch.supervisor import Ended, Supervisor

LOOK_S = 1.0
HALTING = frozenset({"risk", "execution", "fused"})
"""When one of these stays down at 1x, the session is left halted."""
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


async def until_service_ends(supervisor: Supervisor, folder: SessionFolder, notes: Notes) -> Ended:
    """The first trading service that ends for good.

    Recorder and api are projections, and a stage of which another copy lives trades on: that is only noted.
    """
    while True:
        ended = await supervisor.first_end()
        if ended.service in PROJECTIONS or (ended.gave_up and _has_copy(supervisor, ended.service)):
            supervisor.services.pop(ended.service)
            notes.begin(
                ended.service,
                f"{ended.service} is gone (exit code {ended.code}) and trading goes on without it: "
                f"{last_words(folder, ended)}; `penstock down` and `up` start it again",
            )
        elif ended.service:
            return ended
        else:
            await asyncio.sleep(LOOK_S)  # all that were started ended by themselves: the log says why


async def until_answered(log: Log) -> bool:
    """Wait until every stage has ended the last interval that ingest wrote, so that no tail is left unread;
    False when one does not in time, or the log does not answer.
    """
    deadline = time.monotonic() + ANSWERED_TIMEOUT_S
    try:
        mark = await answer(log.last_of("md", "mark"))
        last = mark.ts if mark is not None else 0
        while time.monotonic() < deadline:
            done = [await answer(log.last_of(PLACES[each].family, "done")) for each in STAGES]
            if all(each is not None and each.ts >= last for each in done):
                return True
            await asyncio.sleep(ANSWERED_LOOK_S)
    except Unavailable:
        pass  # it is away, or full: what is left unread is read at the next start
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


def _has_copy(supervisor: Supervisor, service: str) -> bool:
    """Whether the other copy of a service lives."""
    other = service.removesuffix(STANDBY) if service.endswith(STANDBY) else service + STANDBY
    copy = supervisor.services.get(other)
    return copy is not None and copy.ended is None


async def died(log: Log, plan: Plan, ended: Ended, open_now: str) -> None:
    """A trading service ended for good: say why and what is left open. Always raises."""
    why = last_words(plan.folder, ended)
    file = plan.folder.logs / f"{ended.service}.jsonl"
    hint = f"left open: {open_now}; {advice(file, ended.code)}; its log is {file}"
    if plan.session.realtime and ended.service.removesuffix(STANDBY) in HALTING:
        hint = f"{await _leave_halted(log, plan, ended.service)}; {hint}"
    if not ended.gave_up:
        raise ServiceHalted(f"{ended.service} stopped for good (exit code {ended.code}): {why}", hint=hint)
    raise CannotRun(f"{ended.service} died too often in a row (exit code {ended.code}): {why}", hint=hint)


async def _leave_halted(log: Log, plan: Plan, service: str) -> str:
    """Have the session find itself halted when it goes on; returns what is said of it."""
    reason = f"{service} stays down"
    try:
        await log.publish_command(command("halt", reason, by="launcher", expires_s=UNTIL_READ_S))
    except Unavailable:  # then the way that needs nothing but a file system
        plan.data_dir.kill_file.write_text(f"{reason}\n", encoding="utf-8")
        return f"it goes on halted: remove {plan.data_dir.kill_file}, then `penstock resume --reason …`"
    return "it goes on halted, until `penstock resume --reason …`"


def last_words(folder: SessionFolder, ended: Ended) -> str:
    """The last thing that a service complained of. One that was killed from outside had no time to."""
    if ended.code in (-signal.SIGKILL, -signal.SIGTERM):
        return f"ended by {signal.Signals(-ended.code).name}, without a word"
    if outcry := _lines(folder.logs / f"{ended.service}.out"):
        return _said(_entry(outcry[-1].strip()))[:500]
    for line in reversed(_lines(folder.logs / f"{ended.service}.jsonl")):
        entry = _entry(line)
        if entry.get("level") not in ("debug", "info"):
            return _said(entry)[:500]
    return "it said nothing"


def _entry(line: str) -> dict[str, object]:
    """A line of a structured log; any other line is an error by itself."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {"error": line}
    return entry if isinstance(entry, dict) else {"error": line}


def _said(entry: dict[str, object]) -> str:
    """The error in a line of a structured log, where it has one."""
    exception = str(entry.get("exception", "")).strip().splitlines()
    return str(entry.get("error") or (exception[-1] if exception else entry.get("event", "")))


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
    if code == 0:
        return f"{service} was asked to end, drained, and is started again"
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"{service} ended {how} and is started again"


def _lines(file: Path) -> list[str]:
    return file.read_text(errors="replace").strip().splitlines() if file.exists() else []
