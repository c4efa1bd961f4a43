"""Who runs a server on a directory: a lock that the server itself holds, and a record beside it.

The lock is taken before the server starts and its descriptor is inherited by the server, so that it is
held exactly as long as a process of that server lives, whatever happened to the process that started it.
A process id in a file could not say that: ids are used again.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """What another process needs to find a running server."""

    pid: int
    port: int
    detached: bool


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner can read."""
    staged = path.with_name(f"{path.name}.new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    staged.replace(path)


class Ownership:
    """The lock and the record of one server's directory."""

    def __init__(self, directory: Path) -> None:
        self._lock_path = directory / "lock"
        self._record_path = directory / "server.json"
        self._secret_path = directory / "secret"

    def try_acquire(self) -> int | None:
        """Take the lock: its descriptor, to be closed by the caller, or None while a server holds it."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return descriptor

    async def acquire(self, timeout_s: float) -> int | None:
        """Take the lock, waiting up to `timeout_s` for a server that is about to end."""
        clock = asyncio.get_running_loop()
        deadline = clock.time() + timeout_s
        # Polled: a blocking flock() could be given up only with its thread.
        while (descriptor := self.try_acquire()) is None and clock.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        return descriptor

    def held(self) -> bool:
        """Whether a server lives on this directory."""
        if not self._lock_path.exists():
            return False
        descriptor = self.try_acquire()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def read(self) -> ServerRecord | None:
        """The record of the server that was started last, if it was not stopped."""
        try:
            return ServerRecord(**json.loads(self._record_path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def write(self, record: ServerRecord) -> None:
        """Record a server, once it is ready."""
        write_private(self._record_path, json.dumps(asdict(record)) + "\n")

    def forget(self) -> None:
        """Remove the record."""
        self._record_path.unlink(missing_ok=True)

    def secret(self) -> str:
        """The password of this directory's server: made once, readable by its owner only."""
        if not self._secret_path.exists():
            write_private(self._secret_path, secrets.token_hex(16))
        return self._secret_path.read_text(encoding="utf-8")
