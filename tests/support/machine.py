"""What may happen to the machine below a session: servers killed, disks that fill up."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest


def child_of(launcher: int, words: str) -> psutil.Process:
    """The child of a launcher whose command line contains these words."""
    for child in psutil.Process(launcher).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if words in " ".join(child.cmdline()):
                return child
    raise AssertionError(f"process {launcher} has no child {words!r}")


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A disk of its own at a folder. Skips the test where this user may not make one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no disk of our own without the right to mount: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(disk: Path) -> Path:
    """Take all space of a disk; returns the file to remove."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as opened:
        for size in (1 << 20, 1 << 12, 1 << 8):
            with contextlib.suppress(OSError):
                while opened.write(bytes(size)):
                    pass
    return ballast
