"""What holds for both servers: one owner a directory, no child left behind, ports that others take."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from penstock_runtime.embedded import (
    AlreadyRunning,
    EmbeddedNats,
    EmbeddedPostgres,
    NotRunning,
    StartFailed,
    StartTimeout,
    server,
)

pytestmark = pytest.mark.servers

SERVERS = [pytest.param(EmbeddedNats, id="nats"), pytest.param(EmbeddedPostgres, id="postgres")]
Kind = type[EmbeddedNats] | type[EmbeddedPostgres]

PARENT = """
import asyncio, sys
from pathlib import Path
from penstock_runtime import embedded

async def main():
    server = getattr(embedded, sys.argv[1])(Path(sys.argv[2]), detach=sys.argv[3] == "detach")
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Parent:
    """A process that starts a server and waits."""

    def __init__(self, kind: Kind, directory: Path, mode: str) -> None:
        command = [sys.executable, "-c", PARENT, kind.__name__, str(directory), mode]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.server_pid = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody awaited does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


@pytest.fixture
async def taken_port() -> AsyncIterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("kind", SERVERS)
async def test_after_a_stop_no_process_is_left(kind: Kind, tmp_path: Path) -> None:
    server = kind(tmp_path)
    await server.start()
    processes = family(server.pid)
    assert server.running
    await server.stop()
    assert not server.running
    assert not [pid for pid in processes if alive(pid)]


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_is_stopped_twice_or_never_started_is_fine(kind: Kind, tmp_path: Path) -> None:
    server = kind(tmp_path)
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()
    with pytest.raises(NotRunning, match="was not started"):
        _ = server.url


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_second_server_on_a_directory_is_refused(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HANDOVER_S", 0.1)
    async with kind(tmp_path) as first:
        with pytest.raises(AlreadyRunning, match=f"process {first.pid} already runs on"):
            await kind(tmp_path).start()
        with pytest.raises(AlreadyRunning):
            await first.start()
        assert first.running


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_killed_parent_leaves_no_child_and_data_that_start_again(kind: Kind, tmp_path: Path) -> None:
    parent = Parent(kind, tmp_path, "leash")
    processes = family(parent.server_pid)
    parent.kill()
    async with kind(tmp_path) as successor:
        assert successor.pid not in processes
        assert not [pid for pid in processes if alive(pid)]


@pytest.mark.parametrize("kind", SERVERS)
async def test_everything_killed_at_once_starts_again(kind: Kind, tmp_path: Path) -> None:
    parent = Parent(kind, tmp_path, "leash")
    for pid in family(parent.server_pid):
        os.kill(pid, signal.SIGKILL)
    parent.kill()
    async with kind(tmp_path) as successor:
        assert successor.running


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_detached_server_outlives_its_parent_and_is_stopped_by_another(
    kind: Kind, tmp_path: Path
) -> None:
    parent = Parent(kind, tmp_path, "detach")
    parent.kill()
    server = kind(tmp_path)
    with pytest.raises(AlreadyRunning, match=str(parent.server_pid)):
        await server.start()
    await server.attach()
    assert server.pid == parent.server_pid
    with socket.create_connection(("127.0.0.1", server.port)):
        pass
    await server.stop()
    assert not alive(parent.server_pid)
    with pytest.raises(NotRunning, match="no server runs on"):
        await server.attach()


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_port_that_another_takes_first_is_given_up_for_the_next(
    kind: Kind, tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = server.free_port
    candidates = iter([taken_port, taken_port])
    monkeypatch.setattr(server, "free_port", lambda: next(candidates, None) or free())
    async with kind(tmp_path) as started:
        assert started.port != taken_port


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_fixed_port_that_is_taken_is_refused(kind: Kind, tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(StartFailed, match=r"see .*server\.log"):
        await kind(tmp_path, port=taken_port).start()


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_start_that_is_cancelled_leaves_nothing(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path):
        pass  # the files are made, so that the next start reaches the server at once
    starting = asyncio.create_task(kind(tmp_path).start())
    while not [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]:
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    async with kind(tmp_path) as second:
        assert second.running


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_is_not_ready_in_time_is_given_up(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(StartTimeout, match="not ready within 0 s"):
        await kind(tmp_path, start_timeout_s=0).start()
    async with kind(tmp_path) as second:
        assert second.running


@pytest.mark.parametrize("kind", SERVERS)
async def test_whoever_waits_for_a_server_learns_that_it_ended(kind: Kind, tmp_path: Path) -> None:
    async with kind(tmp_path) as server:
        waiting = asyncio.create_task(server.wait())
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.wait_for(waiting, 10)
        assert not server.running


@pytest.mark.parametrize("kind", SERVERS)
async def test_the_secret_and_what_holds_it_are_readable_by_the_owner_only(
    kind: Kind, tmp_path: Path
) -> None:
    async with kind(tmp_path) as server:
        secret = (tmp_path / "secret").read_text()
        assert secret in server.url
        holders = [path for path in tmp_path.iterdir() if path.is_file() and secret in path.read_text()]
        assert tmp_path / "secret" in holders
        assert all(path.stat().st_mode & 0o077 == 0 for path in holders)
