"""The whole stack in containers, where an engine with Compose answers; skipped with the reason elsewhere."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WAIT_S = 300.0
"""For anything to happen: machines that run these tests are slow, and do other things as well."""
BUILD_S = 1500.0


def missing() -> str:
    """Why there can be no stack here; empty where there can."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            subprocess.run(command, capture_output=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return f"`{' '.join(command)}` fails: {type(error).__name__}"
    return ""


@dataclass(frozen=True)
class Stack:
    """One project of Compose, with ports and volumes of its own."""

    project: str
    environment: dict[str, str]

    def compose(self, *arguments: str, timeout_s: float = WAIT_S) -> subprocess.CompletedProcess[str]:
        """Run `docker compose`; the caller looks at how it ended."""
        return subprocess.run(
            ["docker", "compose", "--ansi", "never", "--progress", "plain", *arguments],
            cwd=REPOSITORY, env={**os.environ, **self.environment},
            capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def must(self, *arguments: str, timeout_s: float = WAIT_S) -> str:
        """What `docker compose` prints; it must succeed."""
        done = self.compose(*arguments, timeout_s=timeout_s)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}\n{self.told()}"
        return done.stdout

    def told(self) -> str:
        """The end of what every container has said."""
        return self.compose("logs", "--no-color", "--tail", "15").stdout

    def up(self) -> None:
        """Start what is not running, and wait for every health check."""
        self.must(
            "up", "--detach", "--no-build", "--wait", "--wait-timeout", str(int(WAIT_S)), timeout_s=2 * WAIT_S
        )

    def penstock(self, *arguments: str) -> str:
        """A command of the operator's, in the warden's container."""
        return self.must("exec", "-T", "warden", "penstock", *arguments)

    def status(self) -> dict[str, Any]:
        """The session's figures."""
        figures: dict[str, Any] = json.loads(self.penstock("status", "--json"))
        return figures

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.must("ps", "--all", "--quiet", service).strip()

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        found: dict[str, Any] = json.loads(inspect(self.container(service)))[0]["State"]
        return found

    def until(self, true: Callable[[], Any], what: str) -> None:
        """Wait for something to come true."""
        deadline = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < deadline, f"{what} did not come: {self.told()}"
            time.sleep(0.5)


def inspect(container: str) -> str:
    done = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="session")
def image() -> str:
    """The image, built from this tree (in seconds where its layers are there)."""
    if why := missing():
        pytest.skip(f"no engine for containers: {why}")
    built = Stack("penstock-build", {}).compose("build", "--quiet", "credentials", timeout_s=BUILD_S)
    assert built.returncode == 0, built.stderr
    return os.environ.get("PENSTOCK_IMAGE", "penstock")


@pytest.fixture(scope="module")
def stack(image: str) -> Iterator[Stack]:
    """A stack of its own that is not up yet; nothing of it stays."""
    project = f"penstock-test-{secrets.token_hex(3)}"
    ports = dict.fromkeys(("PENSTOCK_API_PORT", "PENSTOCK_NATS_MONITOR_PORT", "PENSTOCK_DATABASE_PORT"), "0")
    own = Stack(project, {"COMPOSE_PROJECT_NAME": project, "PENSTOCK_PROFILE": "open", **ports})
    try:
        yield own
    finally:
        own.compose("--profile", "*", "down", "--volumes", "--timeout", "5", timeout_s=2 * WAIT_S)
