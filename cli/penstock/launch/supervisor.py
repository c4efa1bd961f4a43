"""Keeps service processes alive: starts them, starts them again when they die, knows when to give up.

A service that says by its exit code that a restart would be wrong (0, and the codes of
`penstock_runtime.errors.NO_RESTART_CODES`) is not started again. Any other death, a SIGKILL included, is
repaired by the log: the service restores its snapshot and goes on. Deaths soon after the start are counted;
after `QUICK_FAILURES_MAX` of them in a row the supervisor gives up, unless trading does not need the service.
One that drained although nobody here asked it to is started again as long as the session is not over.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock_runtime.embedded.child import leash
from penstock_runtime.errors import NO_RESTART_CODES
from penstock_runtime.logs import FILE_BYTES_MAX, put_aside

QUICK_S = 10.0
"""A process that lived shorter than this died soon."""
QUICK_FAILURES_MAX = 5
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
STOP_TIMEOUT_S = 10.0
LOOK_S = 0.5
"""So soon a service that was started is watched as well."""


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """How to run one service."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    output: Path
    """File for what it writes to standard output and error."""
    failures_max: int | None = QUICK_FAILURES_MAX
    """Quick deaths in a row after which it is given up; None: never."""
    excused: Callable[[], bool] = lambda: False
    """Asked when it died soon: whether that does not count, because a server that it needs is away."""
    over: Callable[[], Awaitable[bool]] | None = None
    """Asked when it ended with code 0: whether the session is over. None: it is."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A service that will not be started again."""

    service: str
    code: int
    gave_up: bool = False
    """It died too often; the last death had this code."""


@dataclass(slots=True, eq=False)
class Service:
    """One supervised process."""

    spec: ServiceSpec
    on_restart: Callable[[str, int], None]
    restarts: int = 0
    ended: Ended | None = None
    _process: asyncio.subprocess.Process | None = None
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _stopping: bool = False

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    async def start(self) -> None:
        """Start the process, and go on watching it."""
        await self._spawn()
        self._task = asyncio.create_task(self._watch(), name=f"watch {self.spec.name}")

    async def wait(self) -> Ended:
        """Return when it has ended for good."""
        assert self._task is not None, "start it first"
        await asyncio.shield(self._task)
        assert self.ended is not None
        return self.ended

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Let the process drain and end; kill it after the timeout."""
        self._stopping = True
        if self._task is None:
            return
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(self._task), timeout_s)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._task

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _spawn(self) -> None:
        if self.spec.output.exists() and self.spec.output.stat().st_size > FILE_BYTES_MAX:
            put_aside(self.spec.output)
        with self.spec.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.spec.environment,
                # A session of its own: Ctrl-C is for the launcher. The leash: no launcher, no service.
                start_new_session=True,
                preexec_fn=leash(signal.SIGKILL),
            )

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop()
        quick_failures = 0
        while True:
            assert self._process is not None
            started = clock.time()
            code = await self._process.wait()
            if self._stopping or not await self._again(code):
                self.ended = Ended(self.spec.name, code)
                return
            if clock.time() - started >= QUICK_S:
                quick_failures = 0
            elif not self.spec.excused():
                quick_failures += 1
            if self.spec.failures_max is not None and quick_failures >= self.spec.failures_max:
                self.ended = Ended(self.spec.name, code, gave_up=True)
                return
            self.restarts += 1
            self.on_restart(self.spec.name, code)
            await asyncio.sleep(min(BACKOFF_FIRST_S * 2 ** max(quick_failures - 1, 0), BACKOFF_MAX_S))
            if self._stopping:
                self.ended = Ended(self.spec.name, code)
                return
            try:
                await self._spawn()
            except OSError:  # no memory, no log folder: nothing that another attempt would mend
                self.ended = Ended(self.spec.name, code, gave_up=True)
                return
            if self._stopping:  # asked to stop while it was being started
                self._signal(signal.SIGTERM)

    async def _again(self, code: int) -> bool:
        """Whether to start it again after it ended with this code."""
        if code == 0 and self.spec.over is not None:
            return not await self.spec.over()
        return code not in NO_RESTART_CODES


def _badly(ended: Ended) -> bool:
    return ended.gave_up or ended.code != 0


class Supervisor:
    """All services of a session."""

    def __init__(self, on_restart: Callable[[str, int], None]) -> None:
        self.services: dict[str, Service] = {}
        self._on_restart = on_restart

    async def start(self, specs: Sequence[ServiceSpec]) -> None:
        """Start services, all at once."""
        started = [Service(spec, self._on_restart) for spec in specs]
        self.services.update({each.spec.name: each for each in started})
        await asyncio.gather(*(each.start() for each in started))

    async def first_end(self) -> Ended:
        """The first service that ends for good otherwise than as asked: with an error, or given up.

        Those started meanwhile count as well: recorder and api come when the database is up.
        """
        waits: dict[Service, asyncio.Task[Ended]] = {}
        try:
            while True:
                for each in self.services.values():
                    if each not in waits:
                        waits[each] = asyncio.create_task(each.wait())
                for task in waits.values():
                    if task.done() and _badly(task.result()):
                        return task.result()
                pending = [task for task in waits.values() if not task.done()]
                if not pending:
                    return Ended("", 0)
                await asyncio.wait(pending, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits.values():
                task.cancel()

    async def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop the services of these names, or all, together."""
        chosen = [each for name, each in self.services.items() if names is None or name in names]
        await asyncio.gather(*(each.stop() for each in chosen))

    @property
    def restarts(self) -> int:
        """How often any service was started again."""
        return sum(each.restarts for each in self.services.values())


def service_spec(
    module: str,
    name: str,
    environment: dict[str, str],
    logs: Path,
    *,
    failures_max: int | None = QUICK_FAILURES_MAX,
    excused: Callable[[], bool] = lambda: False,
    over: Callable[[], Awaitable[bool]] | None = None,
) -> ServiceSpec:
    """The service that a module runs, with the environment of this process and what it is to know."""
    whole = {**os.environ, **environment, "PENSTOCK_LOG_FILE": str(logs / f"{name}.jsonl")}
    command = (sys.executable, "-m", module)
    return ServiceSpec(name, command, whole, logs / f"{name}.out", failures_max, excused, over)
