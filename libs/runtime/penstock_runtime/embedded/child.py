"""One server process: started with a leash to its parent or without, signalled, awaited."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from penstock_runtime.embedded.ownership import POLL_S, Ownership

PR_SET_PDEATHSIG = 1
"""Linux's prctl(2) option: the signal that a process gets when its parent dies."""


def leash(signal_number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before its program starts, so that it dies with this process; None off Linux.

    The kernel ties the leash to the thread that starts the child: start servers from a thread that lives
    as long as they should, which an event loop's thread does.
    """
    if not sys.platform.startswith("linux"):
        return None
    # Looked up here: after a fork in a process with threads, loading a library could deadlock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the leash was tied
            os._exit(1)

    return tie


class Child:
    """A running server process, our own child or one found through its directory's record."""

    def __init__(
        self, pid: int, ownership: Ownership, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.pid = pid
        self._ownership = ownership
        self._process = process

    @classmethod
    def spawn(
        cls,
        command: Sequence[str],
        *,
        log_path: Path,
        lock_descriptor: int,
        ownership: Ownership,
        leash_signal: signal.Signals | None,
        environment: Mapping[str, str],
    ) -> Child:
        """Start a process that holds the lock, in a session of its own: Ctrl-C is for its parent alone."""
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=log_path.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock_descriptor,),
                preexec_fn=leash(leash_signal) if leash_signal is not None else None,  # noqa: PLW1509 (see leash)
            )
        return cls(process.pid, ownership, process)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        if self._process is not None:
            return self._process.poll() is None
        return self._ownership.held()

    def send(self, signal_number: signal.Signals) -> None:
        """Signal the process if it lives."""
        if not self.running:
            return
        if self._process is not None:
            self._process.send_signal(signal_number)
            return
        with suppress(ProcessLookupError):  # its own children may hold the lock a moment longer
            os.kill(self.pid, signal_number)

    async def wait(self) -> None:
        """Return when the process has ended."""
        # Polled: works for a process that is not our child, and under any event loop.
        while self.running:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)

    async def end(self, signal_number: signal.Signals, timeout_s: float) -> None:
        """Ask the process to end; after `timeout_s`, kill it."""
        self.send(signal_number)
        try:
            await asyncio.wait_for(self.wait(), timeout_s)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()
