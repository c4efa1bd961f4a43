"""The warden of a stack: what is left of the launcher where somebody else starts the containers.

It keeps the witness of the log, tells each minute how the session does and at once what is wrong, halts
trading when risk or execution stays down, and writes the report when the session has ended.
"""

import asyncio
import os
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock_research.report.final import FinalReport
from penstock_runtime import logs
from penstock_runtime.board import LAUNCHER, Board, listen
from penstock_runtime.errors import Halt, RuntimeFailure, Unavailable
from penstock_runtime.health import Health as OwnHealth
from penstock_runtime.log import Log
from penstock_runtime.settings import read_address
from penstock_runtime.witness import Witness, keep

from penstock.launch.commands import UNTIL_READ_S, command
from penstock.launch.figures import Rate, figures
from penstock.launch.finish import write_report
from penstock.launch.notes import Notes
from penstock.launch.opening import record_of
from penstock.launch.operator import Operator, Wish
from penstock.launch.paths import Running, SessionRecord
from penstock.launch.plan import Plan
from penstock.launch.view import SessionView, plain_line
from penstock.launch.watch import RECORDED_TIMEOUT_S, until_end
from penstock.stack.init import Servers, connect, told
from penstock.stack.silence import Silence
from penstock.stack.store import StoreWatch

LOOK_S = 1.0
TELL_EVERY_S = 60.0


@dataclass(slots=True)
class Warden:
    """Watches one session to its end."""

    plan: Plan
    servers: Servers
    log_store: Path
    """Where the volume of the log's server is mounted, to look at."""
    view: SessionView
    board: Board = field(default_factory=Board)
    _operator: Operator = field(default_factory=Operator)
    _notes: Notes = field(init=False)

    def __post_init__(self) -> None:
        self._notes = Notes(self.view.say)

    async def run(self) -> FinalReport | None:
        """Watch; returns the report when the session has ended, None when this process was told to stop."""
        plan = self.plan
        with plan.data_dir.exclusively(), self._operator.signals():
            record = record_of(plan)
            plan.folder.logs.mkdir(parents=True, exist_ok=True)
            logs.configure(LAUNCHER, plan.folder.logs / "warden.jsonl")
            plan.folder.write(record)
            try:
                report = await self._on_log()
            except RuntimeFailure as error:
                self._close(record, "failed", str(error))
                if isinstance(error, Halt):  # the way that needs no log
                    plan.data_dir.kill_file.write_text(f"{error}\n", encoding="utf-8")
                raise told(error) from error
            self._close(record, "ended" if report else "stopped", (report and report.stop_reason) or "")
            return report

    def _close(self, record: SessionRecord, status: str, reason: str) -> None:
        self.plan.folder.write(record.model_copy(update={"status": status, "stop_reason": reason}))

    async def _on_log(self) -> FinalReport | None:
        log = await connect(self.plan, self.servers)
        try:
            with log.refusals():
                await listen(log, self.board)
                self._announce()
                if not await self._watch(log):
                    return None
                if not await self._recorded(log):
                    self.view.say("the recorder did not write everything; the log has it all", "red")
                return await write_report(self.plan, log, self.board)
        finally:
            await log.close()

    async def _watch(self, log: Log) -> bool:
        """Until the session has ended; False when this process was told to stop."""
        work: dict[str, Coroutine[Any, Any, Any]] = {
            "end": until_end(log),
            "wish": self._until_wish(log),
            "look": self._look(log),
            "witness": keep(log, Witness(self.plan.folder.path)),
        }
        tasks = {name: asyncio.create_task(each, name=name) for name, each in work.items()}
        self._operator.listening = True
        try:
            done, _ = await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # or why it cannot go on
            return tasks["end"] in done
        finally:
            self._operator.listening = False
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _until_wish(self, log: Log) -> None:
        """Until this process is told to stop. An interrupt ends the session first, with everything closed."""
        while await self._operator.wishes.get() is Wish.FLATTEN:
            self.view.say("ending the session: cancelling orders, closing positions", "yellow")
            await log.publish_command(command("stop", "operator", by=LAUNCHER))

    async def _look(self, log: Log) -> None:
        silence = Silence(self.board, self.plan.services, self._notes)
        store = StoreWatch(log, self.log_store, self._notes)
        health, rate, told_at, started = OwnHealth(LAUNCHER), Rate(), float("-inf"), time.monotonic()
        halts: list[str] = []
        while True:
            await store.look()
            if log.client.is_connected:  # while the log is away nobody is heard, and nothing trades
                halts += [f"{service} stays down" for service in silence.look()]
                silence.clocks()
            if self.plan.session.realtime and halts:
                halts = await self._halt(log, halts)
            health.state = "stands still" if self._notes.stop_trading else "running"
            health.view = {"notes": self._notes.texts}
            await health.send(log)
            if (now := time.monotonic()) - told_at >= TELL_EVERY_S:
                told_at = now
                self.view.say(plain_line(figures(self.board, rate, self.plan.services), now - started, None))
            await asyncio.sleep(LOOK_S)

    async def _halt(self, log: Log, reasons: list[str]) -> list[str]:
        """Have the session find itself halted when it goes on; returns what the log has not taken yet."""
        for at, reason in enumerate(reasons):
            try:
                await log.publish_command(command("halt", reason, by=LAUNCHER, expires_s=UNTIL_READ_S))
            except Unavailable:
                return reasons[at:]
            self.view.say(f"{reason}: trading is halted, until `penstock resume --reason …`", "red")
        return []

    async def _recorded(self, log: Log) -> bool:
        """Wait until the recorder has written everything; False when it takes too long."""
        deadline = time.monotonic() + RECORDED_TIMEOUT_S
        mark = await log.last_of("md", "mark")
        last = mark.ts if mark is not None else 0
        while time.monotonic() < deadline:
            report = self.board.reports.get("recorder")
            if report is not None and report.mark >= last and report.lag == 0:
                return True
            await asyncio.sleep(0.1)
        return False

    def _announce(self) -> None:
        plan = self.plan
        plan.data_dir.announce(
            Running(
                session_id=plan.session.session_id,
                pid=os.getpid(),
                started_at=time.time_ns(),
                partition=plan.session.partition,
                nats_url=read_address(self.servers.nats_url_file),
                postgres_url=read_address(self.servers.postgres_url_file),
                api_url=f"http://api:{plan.document['api']['port']}",
                services=plan.services,
                detached=True,
                stack=True,
            )
        )
