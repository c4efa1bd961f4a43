"""PostgreSQL's own guard against a second server, which believes in the dead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from penstock_runtime.embedded.ownership import POLL_S


async def remove_stale_pid_file(path: Path, timeout_s: float) -> None:
    """Remove a postmaster.pid whose server is dead. The caller holds the lock of the server's directory.

    PostgreSQL refuses to start while the named process exists, even if it ended and nobody awaited it,
    as happens in a container without an init. The lock says that no server of ours has files open: one
    that is still seen is about to end, which is waited for, or was started by hand, and its file stays.
    """
    try:
        pid = int(path.read_text(encoding="utf-8").split("\n", 1)[0])
    except FileNotFoundError:
        return
    except ValueError:  # cut off while it was written
        path.unlink()
        return
    clock = asyncio.get_running_loop()
    deadline = clock.time() + timeout_s
    while _is_living_server(pid):
        if clock.time() > deadline:
            return
        await asyncio.sleep(POLL_S)
    path.unlink(missing_ok=True)


def _is_living_server(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
