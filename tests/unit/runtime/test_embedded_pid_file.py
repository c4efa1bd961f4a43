from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from penstock_runtime.embedded.pid_file import remove_stale_pid_file


@pytest.fixture
def living(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process called postgres that is not ours to stop."""
    program = tmp_path / "postgres"
    shutil.copy(shutil.which("sleep") or "sleep", program)
    process = subprocess.Popen([program, "60"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "postmaster.pid"


async def test_no_file_is_fine(pid_file: Path) -> None:
    await remove_stale_pid_file(pid_file, 0)


async def test_the_file_of_a_process_that_is_gone_is_removed(pid_file: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    pid_file.write_text(f"{gone.pid}\n/data\n")
    await remove_stale_pid_file(pid_file, 0)
    assert not pid_file.exists()


async def test_the_file_of_a_process_that_ended_and_that_nobody_awaited_is_removed(
    pid_file: Path, living: subprocess.Popen[bytes]
) -> None:
    living.kill()
    pid_file.write_text(f"{living.pid}\n/data\n")
    await remove_stale_pid_file(pid_file, 10)
    assert not pid_file.exists()


async def test_a_process_that_is_about_to_end_is_waited_for(
    pid_file: Path, living: subprocess.Popen[bytes]
) -> None:
    pid_file.write_text(f"{living.pid}\n/data\n")
    removing = asyncio.create_task(remove_stale_pid_file(pid_file, 10))
    await asyncio.sleep(0)
    assert pid_file.exists()
    living.kill()
    await removing
    assert not pid_file.exists()


async def test_the_file_of_a_living_server_stays(pid_file: Path, living: subprocess.Popen[bytes]) -> None:
    pid_file.write_text(f"{living.pid}\n/data\n")
    await remove_stale_pid_file(pid_file, 0)
    assert pid_file.exists()


async def test_another_program_under_the_same_id_is_no_server(pid_file: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    pid_file.write_text(f"{other.pid}\n/data\n")
    await remove_stale_pid_file(pid_file, 0)
    assert not pid_file.exists()
    other.kill()
    other.wait()


async def test_a_file_that_was_cut_off_is_removed(pid_file: Path) -> None:
    pid_file.write_text("")
    await remove_stale_pid_file(pid_file, 0)
    assert not pid_file.exists()
