"""The image by itself: what it is, and a whole session in one container."""

from __future__ import annotations

import json
import subprocess

import pytest

SIZE_MAX_BYTES = 600_000_000
pytestmark = pytest.mark.slow


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_it_is_small_and_says_what_it_is(image: str) -> None:
    said = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=True)
    (found,) = json.loads(said.stdout)
    assert found["Size"] < SIZE_MAX_BYTES
    assert found["Config"]["Labels"]["org.opencontainers.image.title"] == "Penstock"
    assert found["Config"]["User"] == "10001:10001"


def test_nobody_can_install_anything_in_it(image: str) -> None:
    for module in ("pip", "ensurepip"):
        assert run("--entrypoint", "python", image, "-m", module, "--version").returncode != 0


def test_a_whole_session_runs_in_one_container(image: str) -> None:
    ended = run(image, "paper", "--duration", "10s")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "duration" in ended.stdout
    assert "flat" in ended.stdout


def test_a_configuration_that_cannot_be_used_ends_with_78(image: str) -> None:
    refused = run(image, "paper", "--set", "risk.nonsense=1")
    assert refused.returncode == 78
    assert "risk.nonsense" in refused.stderr
