"""One session from start to end: servers, genesis, services, the view, the end, the report."""

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from penstock_api.alerts.config import AlertsConfig
from penstock_research.report.final import FinalReport
from penstock_runtime import logs
from penstock_runtime.board import Board, listen
from penstock_runtime.embedded.ownership import write_private
from penstock_runtime.errors import Halt, RuntimeFailure, Unavailable
from penstock_runtime.log import Log
from penstock_runtime.store.archive import DatabasePast
from penstock_runtime.witness import Witness, keep

from penstock.config.document import dump
from penstock.errors import CannotRun, Interrupted, ServiceHalted
from penstock.launch.advice import advice_on
from penstock.launch.alarm import ApiAlarm
from penstock.launch.commands import command
from penstock.launch.disks import DiskWatch
from penstock.launch.finish import write_report
from penstock.launch.notes import Notes
from penstock.launch.opening import open_session, record_of
from penstock.launch.operator import Operator, Wish
from penstock.launch.paths import Running, SessionRecord
from penstock.launch.plan import PROJECTIONS, STANDBY, Plan
from penstock.launch.servers import Servers
from penstock.launch.supervisor import QUICK_FAILURES_MAX, Supervisor, service_spec
from penstock.launch.telling import Telling
from penstock.launch.view import SessionView
from penstock.launch.watch import (
    died,
    restart_text,
    until_answered,
    until_end,
    until_recorded,
    until_service_ends,
)

END_SEEN_S = 2.0
"""How long the end that ingest has written may take to be seen here."""
RETRY_S = 1.0


@dataclass(slots=True)
class SessionRun:
    """Runs a plan. Raises a CommandError with the exit code where the session did not end as it should."""

    plan: Plan
    view: SessionView
    board: Board = field(default_factory=Board)
    _operator: Operator = field(default_factory=Operator)
    _notes: Notes = field(init=False)
    _telling: Telling = field(init=False)
    _alarm: ApiAlarm = field(init=False)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._notes = Notes(self.view.say)
        self._telling = Telling(self.plan, self.view, self.board, self._notes)
        alerts = AlertsConfig.model_validate(self.plan.document.get("alerts", {}))
        self._alarm = ApiAlarm(alerts, self.board, self.plan.session.session_id)

    async def run(self) -> FinalReport | None:
        """Run to the end. Returns the report, or None when the session was drained and can go on."""
        plan = self.plan
        with plan.data_dir.exclusively(), self._operator.signals():
            record = self._prepare()
            servers = Servers.of(plan.data_dir, plan.folder, self._notes, live=plan.live)
            supervisor = Supervisor(lambda name, code: self.view.say(restart_text(name, code), "yellow"))
            try:
                report = await self._on_servers(servers, supervisor)
            except asyncio.CancelledError as error:
                stopped = self._interrupted()
                self._close(record, "failed", str(stopped))
                raise stopped from error
            except BaseException as error:
                self._close(record, "failed", str(error) or type(error).__name__)
                raise
            finally:
                self._telling.phase = "stopping"
                # Nothing may interrupt this: it is what leaves no process behind.
                await asyncio.shield(self._stop(supervisor, servers))
            self._close(record, "ended" if report else "stopped", (report and report.stop_reason) or "")
            return report

    async def _on_servers(self, servers: Servers, supervisor: Supervisor) -> FinalReport | None:
        url = await servers.start()
        log: Log | None = None
        try:
            past = DatabasePast(self.plan.folder.database_url)
            log = await Log.connect(url, partition=self.plan.session.partition, name="launcher", past=past)
            await self._open(log)
            await listen(log, self.board)
            await supervisor.start([self._spec(name, module, url, "") for name, module in self.plan.trading])
            self._announce(url, "")
            if not await self._trade(log, servers, supervisor):
                return None
            self._telling.phase = "recording"
            if not await until_recorded(log, self.board, supervisor):
                self.view.say("the recorder did not write everything; the log has it all", "red")
            self._telling.phase = "reporting"
            return await write_report(self.plan, log, self.board)
        except Halt as error:
            raise ServiceHalted(str(error), hint=advice_on(error)) from error
        except RuntimeFailure as error:
            raise CannotRun(str(error), hint=advice_on(error)) from error
        finally:
            if log is not None:
                await log.close()

    async def _open(self, log: Log) -> None:
        if said := await open_session(log, self.plan):
            self.view.say(said, "yellow")

    async def _trade(self, log: Log, servers: Servers, supervisor: Supervisor) -> bool:
        """Trade until the session's end; False when the operator wanted it drained."""
        self._telling.phase = "running"
        work: dict[str, Coroutine[Any, Any, Any]] = {
            "end": self._until_end(log),
            "died": until_service_ends(supervisor, self.plan.folder, self._notes),
            "wish": self._until_wish(log),
            "database": self._projections(servers, supervisor),
            "log server": servers.gone(),
            "disks": DiskWatch(log, servers, self.board, self._notes).run(),
            "view": self._telling.run(log, servers, supervisor),
            "alarm": self._alarm.run(),
            "witness": keep(log, Witness(self.plan.folder.path)),
        }
        tasks = {name: asyncio.create_task(each, name=name) for name, each in work.items()}
        self._operator.listening = True
        try:
            pending = set(tasks.values())
            while True:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if tasks["end"] in done:
                    await tasks["end"]
                    await tasks[
                        "database"
                    ]  # it may be slower than a short replay, which is recorded all the same
                    return True
                if tasks["died"] in done:
                    await died(log, self.plan, tasks["died"].result(), self._telling.left_open())
                if tasks["wish"] in done:
                    self._heed(await tasks["wish"])
                    if not self.plan.fused:
                        await supervisor.stop(["ingest"])
                        await until_answered(log)
                    return False
                for task in done:
                    await task  # the database is up, or why it is not
        finally:
            self._operator.listening = False
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    def _heed(self, wish: Wish) -> None:
        if wish is not Wish.DRAIN:
            raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        return Interrupted(f"stopped at once; left open: {self._telling.left_open()}")

    async def _until_end(self, log: Log) -> None:
        await until_end(log)
        self._ended.set()

    async def _over(self) -> bool:
        """Whether the session is over, now that ingest has ended: it wrote so a moment ago."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SEEN_S):
                await self._ended.wait()
        return self._ended.is_set()

    async def _is_over(self) -> bool:
        return self._ended.is_set()

    async def _until_wish(self, log: Log) -> Wish:
        while True:
            wish = await self._operator.wishes.get()
            self.view.say(wish.value, "yellow")
            if wish is not Wish.FLATTEN:
                return wish
            self._telling.phase = "stopping"
            await self._give_stop(log)

    async def _give_stop(self, log: Log) -> None:
        """Write the stop as soon as the log takes it."""
        while True:
            try:
                await log.publish_command(command("stop", "operator", by="launcher"))
                return self._notes.end("stop", "the log has taken the stop")
            except Unavailable as error:
                self._notes.begin(
                    "stop", f"the session cannot be ended yet: {error}; Ctrl-C again stops at once"
                )
                await asyncio.sleep(RETRY_S)

    async def _projections(self, servers: Servers, supervisor: Supervisor) -> None:
        """Recorder and api, once there is a database; trading does not wait for it."""
        database = await servers.database()
        write_private(self.plan.folder.database_file, database)
        url = servers.nats.url
        await supervisor.start([self._spec(name, f"penstock_{name}", url, database) for name in PROJECTIONS])
        self._alarm.expect()
        self._announce(url, database)
        if self.plan.api_url:
            self.view.say(f"dashboard              {self.plan.api_url}/")

    async def _stop(self, supervisor: Supervisor, servers: Servers) -> None:
        try:
            await supervisor.stop()
        finally:
            self.plan.folder.database_file.unlink(missing_ok=True)
            await servers.stop()

    def _spec(self, name: str, module: str, nats_url: str, postgres_url: str) -> Any:
        environment = {
            "PENSTOCK_CONFIG": str(self.plan.folder.config),
            "PENSTOCK_NATS_URL": nats_url,
            "PENSTOCK_POSTGRES_URL": postgres_url,
            "PENSTOCK_POSTGRES_URL_FILE": str(self.plan.folder.database_file),
            "PENSTOCK_DATA_DIR": str(self.plan.data_dir.path),
            "PENSTOCK_WITNESS_DIR": str(self.plan.folder.path),
            "PENSTOCK_LIVE": str(self.plan.live).lower(),
            "PENSTOCK_LOG_SYNC": "always" if self.plan.live else "interval",
            "PENSTOCK_STANDBY": str(name.endswith(STANDBY)).lower(),
        }
        ends = name in {"ingest", "fused"}
        return service_spec(
            module,
            name,
            environment,
            self.plan.folder.logs,
            failures_max=None if name in PROJECTIONS else QUICK_FAILURES_MAX,
            excused=lambda: self._notes.stop_trading,
            over=self._over if ends else self._is_over,
        )

    def _prepare(self) -> SessionRecord:
        plan, folder = self.plan, self.plan.folder
        record = record_of(plan)
        folder.logs.mkdir(parents=True, exist_ok=True)
        logs.configure("launcher", folder.logs / "launcher.jsonl")
        if not plan.resume:
            folder.config.write_text(dump(plan.document), encoding="utf-8")
        folder.write(record)
        return record

    def _close(self, record: SessionRecord, status: str, reason: str) -> None:
        with contextlib.suppress(OSError):  # a full disk must not hide what went wrong
            self.plan.folder.write(record.model_copy(update={"status": status, "stop_reason": reason}))

    def _announce(self, nats_url: str, postgres_url: str) -> None:
        plan = self.plan
        self.plan.data_dir.announce(
            Running(
                session_id=plan.session.session_id,
                pid=os.getpid(),
                started_at=time.time_ns(),
                partition=plan.session.partition,
                nats_url=nats_url,
                postgres_url=postgres_url,
                api_url=plan.api_url if postgres_url else "",
                services=plan.services,
                detached=plan.detached,
            )
        )
