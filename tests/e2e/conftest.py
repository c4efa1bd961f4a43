"""A command line run as a user runs it, in a folder of its own that must be empty of processes afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.cli import PENSTOCK, processes_below

TIMEOUT_S = 300
GONE_S = 60


@dataclass(frozen=True)
class User:
    """Somebody at a terminal in an empty folder."""

    folder: Path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in the background."""
        return subprocess.Popen(
            [*PENSTOCK, *arguments],
            cwd=self.folder,
            # Sessions of other tests begin at the same moment: nobody may count on the default port.
            env={**os.environ, "PENSTOCK__API__PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*arguments)
        try:
            said, complained = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, said, complained)

    def report(self) -> dict[str, Any]:
        """The only report that was written."""
        (file,) = (self.folder / "out").glob("*/final_report.json")
        report: dict[str, Any] = json.loads(file.read_text())
        return report

    def record(self) -> dict[str, Any]:
        """The record of the last session."""
        files = sorted((self.folder / ".penstock" / "sessions").glob("*/session.json"))
        record: dict[str, Any] = json.loads(files[-1].read_text())
        return record


def end_background_session(folder: Path) -> None:
    """End a session that a test left running because it failed."""
    state = folder / ".penstock" / "running.json"
    if state.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(state.read_text())["pid"], signal.SIGTERM)


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    yield User(tmp_path)
    end_background_session(tmp_path)
    deadline = time.monotonic() + GONE_S
    while (left := processes_below(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here starts servers."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.servers)
            item.add_marker(pytest.mark.slow)
