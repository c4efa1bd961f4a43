"""What the embedded servers have in common: start, attach, stop, and one owner per directory."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from penstock_runtime.embedded.child import Child
from penstock_runtime.embedded.errors import AlreadyRunning, NotRunning, PortTaken, StartFailed, StartTimeout
from penstock_runtime.embedded.ownership import POLL_S, Ownership, ServerRecord
from penstock_runtime.yielding import wait_its_turn

HOST = "127.0.0.1"
PORT_ATTEMPTS = 8
PORT_TAKEN_TEXT = b"address already in use"
HANDOVER_S = 5.0
STOP_TIMEOUT_S = 10.0


def free_port() -> int:
    """A TCP port that nobody listens on now. Another process may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedServer(ABC):
    """A server process on a directory of its own. As an async context manager, it runs inside the block.

    A server dies with the process that started it (on Linux), unless `detach` is set; then any process
    can `attach` to it through its directory. A server that was stopped starts again on its former port
    where that is still free, and always does when `port` fixes it.
    """

    NAME: ClassVar[str]
    STOP_SIGNAL: ClassVar[signal.Signals]
    LEASH_SIGNAL: ClassVar[signal.Signals]
    YIELDS: ClassVar[bool] = False
    """Trading does not wait for it: when it is woken it interrupts no other process."""
    ENVIRONMENT: ClassVar[Mapping[str, str]] = {}
    """What the server is told where our own environment does not say otherwise."""

    def __init__(self, directory: Path, *, port: int | None, detach: bool, start_timeout_s: float) -> None:
        self.directory = directory.resolve()
        self._ownership = Ownership(self.directory)
        self._child: Child | None = None
        self._port_fixed = port
        self._port_last = port
        self._detach = detach
        self._start_timeout_s = start_timeout_s

    @abstractmethod
    def _url(self, secret: str, port: int) -> str:
        """The address that a client connects to."""

    @abstractmethod
    async def _prepare(self, lock_descriptor: int) -> None:
        """Write what the server needs before its first start, and find its program."""

    @abstractmethod
    def _command(self, port: int) -> Sequence[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    async def _answers(self, url: str) -> bool:
        """Whether this very server, and not a stranger on its port, serves clients."""

    @property
    def log_path(self) -> Path:
        """The file with what the server says."""
        return self.directory / "server.log"

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._require_child().pid

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 that the server listens on."""
        self._require_child()
        assert self._port_last is not None  # set before a child is
        return self._port_last

    @property
    def url(self) -> str:
        """The address that clients connect to. It carries the server's secret: not for logs."""
        return self._url(self._ownership.secret(), self.port)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and return when clients can connect.

        Raises `AlreadyRunning` when a server lives on the directory, `BinaryMissing`, `StartFailed` or
        `StartTimeout`; nothing is left running then.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        lock_descriptor = await self._acquire()
        try:
            self._ownership.forget()
            await self._prepare(lock_descriptor)
            for _ in range(PORT_ATTEMPTS):
                try:
                    return await self._launch(self._candidate_port(), lock_descriptor)
                except PortTaken:
                    if self._port_fixed is not None:
                        raise
                    self._port_last = None
            raise StartFailed(f"{self.NAME}: no free port in {PORT_ATTEMPTS} attempts; see {self.log_path}")
        finally:
            os.close(lock_descriptor)

    async def restart(self) -> None:
        """Start a server that has ended again, on the port that its clients know.

        Raises what `start` raises, and `PortTaken` when another process has that port meanwhile.
        """
        fixed, self._port_fixed = self._port_fixed, self._port_last
        try:
            await self.start()
        finally:
            self._port_fixed = fixed

    async def attach(self) -> None:
        """Take over a server that another process started with `detach`; `NotRunning` if there is none."""
        record = self._ownership.read() if self._ownership.held() else None
        if record is None:
            raise NotRunning(f"{self.NAME}: no server runs on {self.directory}")
        self._port_last = record.port
        self._child = Child(record.pid, self._ownership)

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop the server gracefully, and kill it after `timeout_s`; one that ended by itself is fine."""
        await self._end(self.STOP_SIGNAL, timeout_s)

    async def kill(self) -> None:
        """End the server as a crash would."""
        await self._end(signal.SIGKILL, STOP_TIMEOUT_S)

    async def wait(self) -> None:
        """Return when the server has ended, for whatever reason."""
        await self._require_child().wait()

    async def _end(self, signal_number: signal.Signals, timeout_s: float) -> None:
        if self._child is None:
            return
        await self._child.end(signal_number, timeout_s)
        self._child = None
        if not self.directory.exists():
            return  # somebody deleted it: there is no lock any more, and no record
        # The server's own children may outlive it for a moment, and hold the lock until they are gone.
        lock_descriptor = await self._ownership.acquire(timeout_s)
        if lock_descriptor is not None:
            self._ownership.forget()
            os.close(lock_descriptor)

    def _require_child(self) -> Child:
        if self._child is None:
            raise NotRunning(f"{self.NAME}: the server on {self.directory} was not started")
        return self._child

    def _candidate_port(self) -> int:
        return self._port_fixed or self._port_last or free_port()

    async def _acquire(self) -> int:
        lock_descriptor = self._ownership.try_acquire()
        record = self._ownership.read()
        if lock_descriptor is None and not (record is not None and record.detached):
            # A server on a leash may be dying with its parent, a moment ago.
            lock_descriptor = await self._ownership.acquire(HANDOVER_S)
        if lock_descriptor is None:
            who = f"process {record.pid}" if record is not None else "another process"
            raise AlreadyRunning(
                f"{self.NAME}: {who} already runs on {self.directory}; stop it or attach to it"
            )
        return lock_descriptor

    async def _launch(self, port: int, lock_descriptor: int) -> None:
        log_offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        child = Child.spawn(
            self._command(port),
            log_path=self.log_path,
            lock_descriptor=lock_descriptor,
            ownership=self._ownership,
            leash_signal=None if self._detach else self.LEASH_SIGNAL,
            environment={**self.ENVIRONMENT, **os.environ},
        )
        if self.YIELDS:
            wait_its_turn(child.pid)
        try:
            await self._until_ready(child, self._url(self._ownership.secret(), port), log_offset)
        except BaseException:  # cancelled too: a server that nobody knows must not stay
            child.send(signal.SIGKILL)
            await child.wait()
            raise
        self._port_last = port
        self._child = child
        self._ownership.write(ServerRecord(pid=child.pid, port=port, detached=self._detach))

    async def _until_ready(self, child: Child, url: str, log_offset: int) -> None:
        ready, ended = asyncio.create_task(self._until_answers(url)), asyncio.create_task(child.wait())
        try:
            await asyncio.wait(
                {ready, ended}, timeout=self._start_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if ended.done():
                raise self._diagnose(log_offset)
            if not ready.done():
                limit = f"{self._start_timeout_s:g} s"
                raise StartTimeout(f"{self.NAME}: not ready within {limit}; see {self.log_path}")
            ready.result()
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    async def _until_answers(self, url: str) -> None:
        while not await self._answers(url):  # noqa: ASYNC110 (a server that starts gives no other sign)
            await asyncio.sleep(POLL_S)

    def _diagnose(self, log_offset: int) -> StartFailed:
        with self.log_path.open("rb") as log:
            log.seek(log_offset)
            said = log.read()
        kind = PortTaken if PORT_TAKEN_TEXT in said.lower() else StartFailed
        last_line = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1].strip()
        return kind(f"{self.NAME}: ended before it was ready: {last_line}; see {self.log_path}")
