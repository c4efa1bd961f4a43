"""One session under test: its servers, its services as processes, and ways to hurt them."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from penstock.config.document import dump
from penstock.config.load import ConfigOptions
from penstock.launch.commands import command
from penstock.launch.paths import DataDir, SessionRecord
from penstock.launch.plan import PROJECTIONS, Plan
from penstock.launch.prepare import Place, new_plan
from penstock.launch.servers import STORE_BYTES
from penstock.launch.supervisor import (
    QUICK_FAILURES_MAX,
    QUICK_S,
    Service,
    ServiceSpec,
    Supervisor,
    service_spec,
)
from penstock_contracts.control import Session
from penstock_runtime.board import Board, listen
from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres
from penstock_runtime.embedded.server import free_port
from penstock_runtime.failpoints import VARIABLE
from penstock_runtime.health import health_subject, progress_subject
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.store.migrate import migrate
from penstock_runtime.version import code_hash

from faults.inside import unconfirmed
from faults.strikes import Strike, Strikes
from faults.watch import Watch

ROOT = Path(__file__).resolve().parents[1]
QUICK_KILLS_MAX = 30
"""Five quick deaths in a row mean nothing where we are their cause."""
SNAPSHOT_INTERVAL_S = 1.0
READY_TIMEOUT_S = 40.0


class Unexpected(Exception):
    """Something did not happen as the row expects it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a world differs from the usual one."""

    settings: tuple[str, ...]
    plant: str = ""
    """Name of a planted fault."""
    plant_in: str = ""
    """The service that has it; empty: all."""
    stream_bytes: int = 8 << 30
    services: tuple[str, ...] = ()
    """Those that run; empty: all."""
    fused: bool = False
    """All stages and ingest in one process."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for every service."""


@dataclass(slots=True)
class World:
    """Servers and services of one session. Use `start` and `stop`."""

    plan: Plan
    terms: Terms
    nats: EmbeddedNats
    postgres: EmbeddedPostgres
    board: Board = field(default_factory=Board)
    strikes: Strikes = field(default_factory=Strikes)
    row: int = 0
    """Whose fault is being worked; strikes are booked to it."""
    fault: str = ""
    """The name of that fault."""
    exits: list[tuple[str, int]] = field(default_factory=list)
    """Service and exit code of every process that was started again."""
    patience_s: float = READY_TIMEOUT_S
    """How long a service may take to speak again."""
    recovered: list[tuple[int, float]] = field(default_factory=list)
    """Row, and seconds from when a server was back until everybody who needs it had gone on."""
    halt_ms: list[float] = field(default_factory=list)
    """From each halt command to the trading state that it brought."""
    _deaths: dict[str, list[float]] = field(default_factory=dict)
    """When each service died, `time.monotonic`."""
    supervisor: Supervisor = field(init=False)
    _specs: dict[str, ServiceSpec] = field(default_factory=dict)
    _log: Log | None = None
    _watch: Watch | None = None
    _extras: list[asyncio.subprocess.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self._died)

    @classmethod
    def of(cls, data_dir: Path, terms: Terms, postgres: EmbeddedPostgres) -> "World":
        """A new session in a data directory, on a database server that other sessions share."""
        place = Place(DataDir.at(data_dir), data_dir / "out", fused=terms.fused)
        plan = new_plan(ConfigOptions("open", None, (), terms.settings), place, {})
        nats = EmbeddedNats(plan.folder.path, port=free_port(), file_store_bytes=STORE_BYTES)
        return cls(plan, terms, nats, postgres)

    @property
    def log(self) -> Log:
        """The harness's own connection."""
        assert self._log is not None, "start the world first"
        return self._log

    @property
    def watch(self) -> Watch:
        """What the log delivered."""
        assert self._watch is not None, "start the world first"
        return self._watch

    @property
    def names(self) -> tuple[str, ...]:
        """The services of this session."""
        return self.terms.services or self.plan.services

    # --- Start and end -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything and begin the session."""
        folder = self.plan.folder
        folder.logs.mkdir(parents=True, exist_ok=True)
        (folder.path / "probes").mkdir()
        folder.config.write_text(dump(self.plan.document), encoding="utf-8")
        folder.write(self._record())
        await self.nats.start()
        if not self.postgres.running:
            await self.postgres.start()
        await migrate(self.postgres.url)
        self._log = log = await Log.connect(self.nats.url, name="faults")
        await log.declare(StreamLimits(bytes_max=self.terms.stream_bytes))
        genesis = await log.write_session(
            Session(
                phase="genesis",
                session_id=self.plan.session.session_id,
                ts=time.time_ns(),
                config_hash=self.plan.config_hash,
                code_hash=code_hash(),
                config=dump(self.plan.document),
            )
        )
        await listen(log, self.board)
        await self._listen(log)
        self._watch = Watch(log)
        self._watch.listeners.append(self.strikes.heard)
        self._watch.alarm = self._gone
        await self._watch.start(genesis)
        modules = dict(self.plan.trading) | {each: f"penstock_{each}" for each in PROJECTIONS}
        self._specs = {each: self._spec(each, modules[each]) for each in self.names}
        await self.supervisor.start(list(self._specs.values()))

    def _record(self) -> SessionRecord:
        """What lets `penstock verify`, `dlq` and `logs` read a session that is kept."""
        plan = self.plan
        return SessionRecord(
            session_id=plan.session.session_id,
            created_at=time.time_ns(),
            config_hash=plan.config_hash,
            profile=plan.profile,
            source=plan.source,
            strategies=plan.strategies,
            out=plan.out,
            status="stopped",
        )

    async def _listen(self, log: Log) -> None:
        async def recorder(_subject: str, _data: bytes) -> None:
            self.strikes.heard("recorder", time.monotonic(), 0)

        async def api(_subject: str, _data: bytes) -> None:
            self.strikes.heard("api", time.monotonic(), 0)

        await log.subscribe_core(progress_subject(log.partition), recorder)
        await log.subscribe_core(health_subject(log.partition, "api"), api)

    def _spec(self, name: str, module: str) -> ServiceSpec:
        folder = self.plan.folder
        environment = {
            "PENSTOCK_CONFIG": str(folder.config),
            "PENSTOCK_NATS_URL": self.nats.url,
            "PENSTOCK_POSTGRES_URL": self.postgres.url,
            "PENSTOCK_DATA_DIR": str(self.plan.data_dir.path),
            "PENSTOCK_SNAPSHOT_INTERVAL_S": str(SNAPSHOT_INTERVAL_S),
            "PENSTOCK_FAULTS_PROBE": str(self._probe(name)),
            "PYTHONPATH": os.pathsep.join(
                (str(ROOT / "faults" / "hook"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]))
            ),
            **self.terms.environment,
        }
        if self.terms.plant and self.terms.plant_in in {"", name}:
            environment["PENSTOCK_FAULTS_PLANT"] = self.terms.plant
        return service_spec(module, name, environment, folder.logs, failures_max=QUICK_KILLS_MAX)

    def _probe(self, name: str) -> Path:
        return self.plan.folder.path / "probes" / name

    async def end(self) -> None:
        """Have the session end: cancel, close, and wait until everything is recorded."""
        if not self.watch.over:
            await self.log.publish_command(command("stop", "operator", by="faults"))
        await self.ended(90)

    async def ended(self, timeout_s: float) -> None:
        """Wait until the session has ended and everything is recorded."""
        deadline = time.monotonic() + timeout_s
        while not self.watch.over:
            if alarm := self._gone():
                raise Unexpected(alarm)
            if time.monotonic() > deadline:
                raise Unexpected(f"the session did not end within {timeout_s:.0f} s; {self.state()}")
            await asyncio.sleep(0.1)
        if "recorder" in self.names:
            await self._recorded(deadline)

    async def _recorded(self, deadline: float) -> None:
        await asyncio.sleep(0.2)  # the last stages' last words
        last = await self.log.last_sequence()
        while True:
            report = self.board.reports.get("recorder")
            if report is not None and report.view.get("sequence", 0) >= last:
                return
            if time.monotonic() > deadline:
                raise Unexpected(f"the recorder did not write everything up to {last}")
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop everything but the database server."""
        for process in self._extras:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                await process.wait()
        await self.supervisor.stop()
        if self._watch is not None:
            await self._watch.stop()
        if self._log is not None:
            await self._log.close()
        await self.nats.stop()

    def state(self) -> str:
        """What each service last said, for a message."""
        ended = [f"{n}: {e.ended}" for n, e in self.supervisor.services.items() if e.ended]
        return f"waited for {self.strikes.waiting}, ended {ended}, sequence {self.watch.sequence}"

    def _gone(self) -> str:
        ended = [each.ended for each in self.supervisor.services.values() if each.ended]
        bad = [each for each in ended if each.gave_up or each.code != 0]
        return "; ".join(f"{each.service} ended with {each.code}: {self._last(each.service)}" for each in bad)

    def _last(self, name: str) -> str:
        lines = self.said(name).strip().splitlines()
        said = [each for each in lines if each.startswith(f"{name}: ")] or lines[-1:]
        return said[-1][:400] if said else "it said nothing"

    # --- Processes -----------------------------------------------------------------------------------

    def _died(self, name: str, code: int) -> None:
        self.exits.append((name, code))
        self._deaths.setdefault(name, []).append(time.monotonic())
        self._specs[name].environment.pop(VARIABLE, None)
        if code == -signal.SIGKILL:
            now, sequence = time.monotonic(), self.watch.sequence
            made = unconfirmed(self._probe(name))
            self.strikes.add(Strike(name, self.row, now, sequence, made, self.fault))

    async def rested(self, name: str, more: int = 1) -> None:
        """Wait until a service may die so often more without the supervisor giving up on it."""
        deaths = self._deaths.get(name, [])
        quick = 0
        for before, after in zip([0.0, *deaths], deaths, strict=False):
            quick = quick + 1 if after - before < QUICK_S + 1 else 1
        if deaths and quick + more >= QUICK_FAILURES_MAX:
            await asyncio.sleep(max(0.0, deaths[-1] + QUICK_S + 1 - time.monotonic()))

    async def alive(self, name: str) -> int:
        """The process id of a service, once it runs."""
        service = self.supervisor.services[name]
        deadline = time.monotonic() + READY_TIMEOUT_S
        while (pid := service.pid) is None:
            if service.ended is not None or time.monotonic() > deadline:
                raise Unexpected(f"{name} does not run: {service.ended}")
            await asyncio.sleep(0.02)
        return pid

    async def until_unconfirmed(self, name: str, timeout_s: float) -> None:
        """Wait until a service has an output unconfirmed, as its probe says, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while not unconfirmed(self._probe(name)) and time.monotonic() < deadline:
            await asyncio.sleep(0.0005)

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to a service, and wait until that process is gone."""
        pid = await self.alive(name)
        before = len(self.exits)
        os.kill(pid, number)
        service = self.supervisor.services[name]
        deadline = time.monotonic() + 15
        while not any(each == name for each, _ in self.exits[before:]) and service.ended is None:
            if time.monotonic() > deadline:
                raise Unexpected(f"{name} did not end within 15 s of {number.name}")
            await asyncio.sleep(0.005)

    async def ready(self) -> None:
        """Wait until every service that died has spoken again."""
        what = f"{self.strikes.waiting} ready again"
        await self.watch.until(lambda: not self.strikes.waiting, self.patience_s, what)

    def arm(self, name: str, failpoint: str, nth: int) -> None:
        """Have the next process of a service crash at a failpoint."""
        self._specs[name].environment[VARIABLE] = f"{failpoint}:{nth}:{name}"

    def plant(self, name: str, fault: str) -> None:
        """Have the next process of a service carry a planted fault, or none."""
        environment = self._specs[name].environment
        environment.pop("PENSTOCK_FAULTS_PLANT", None)
        if fault:
            environment["PENSTOCK_FAULTS_PLANT"] = fault

    async def again(self, name: str) -> None:
        """Start a service that ended for good once more."""
        service = Service(self._specs[name], self._died)
        self.supervisor.services[name] = service
        await service.start()

    async def second(self, name: str, **environment: str) -> asyncio.subprocess.Process:
        """Start a second copy of a service, outside the supervisor."""
        spec = self._specs[name]
        whole = {**spec.environment, **environment, "PENSTOCK_FAULTS_PROBE": str(self._probe(f"{name}-2"))}
        whole["PENSTOCK_LOG_FILE"] = str(self.plan.folder.logs / f"{name}-2.jsonl")
        with (self.plan.folder.logs / f"{name}-2.out").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *spec.command, env=whole, stdout=output, stderr=output, start_new_session=True
            )
        self._extras.append(process)
        return process

    def said(self, name: str) -> str:
        """What a service wrote to its standard error and its log so far."""
        files = (self.plan.folder.logs / f"{name}{suffix}" for suffix in (".out", ".jsonl"))
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    async def first_end(self, names: Sequence[str], timeout_s: float) -> str:
        """The first of these services that ends for good. Unexpected when none does."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for name in names:
                if self.supervisor.services[name].ended is not None:
                    return name
            await asyncio.sleep(0.05)
        raise Unexpected(f"none of {', '.join(names)} ended within {timeout_s:.0f} s")

    async def until_ended(self, names: Sequence[str], timeout_s: float) -> dict[str, int]:
        """Exit codes of services that end for good. Unexpected when one goes on."""
        deadline = time.monotonic() + timeout_s
        services = self.supervisor.services
        while any(services[each].ended is None for each in names):
            if time.monotonic() > deadline:
                left = [each for each in names if services[each].ended is None]
                raise Unexpected(f"{', '.join(left)} went on for {timeout_s:.0f} s")
            await asyncio.sleep(0.05)
        ends = {each: services[each].ended for each in names}
        return {each: ended.code for each, ended in ends.items() if ended is not None}


def freeze(pid: int, *, on: bool) -> None:
    """Stop a process with all its children, or let them go on."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        each.send_signal(signal.SIGSTOP if on else signal.SIGCONT)
