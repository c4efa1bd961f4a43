"""A container's entry: the service's exit code, its SIGTERM, and what it does where a restart is no help."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from penstock_runtime.errors import NO_RESTART_CODES

ENTRY = Path(__file__).resolve().parents[3] / "deploy" / "entry.sh"
WAIT_S = 60
HELD = re.compile(r"ended with exit code (\d+) and is not started again: mend what it said")


@contextmanager
def started(script: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [str(ENTRY), "sh", "-c", script],
        env={"PATH": "/usr/bin:/bin", **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=WAIT_S)


@pytest.mark.parametrize("code", [0, 1, 69, 75])
def test_the_exit_code_is_the_services_own(code: int) -> None:
    with started(f"exit {code}", PENSTOCK_REFUSED="hold") as process:
        assert process.wait(WAIT_S) == code


@pytest.mark.parametrize("code", sorted(NO_RESTART_CODES - {0}))
def test_where_a_restart_is_no_help_it_stays_and_says_so_until_it_is_stopped(
    code: int, tmp_path: Path
) -> None:
    health = tmp_path / "health.json"
    health.write_text("{}")
    with started(f"exit {code}", PENSTOCK_REFUSED="hold", PENSTOCK_HEALTH_FILE=str(health)) as process:
        assert process.stderr is not None
        said = HELD.search(process.stderr.readline())
        assert said is not None
        assert int(said[1]) == code
        assert not health.exists(), "it is not healthy any more"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == code


@pytest.mark.parametrize("code", sorted(NO_RESTART_CODES - {0}))
def test_where_nobody_asks_it_to_stay_it_ends(code: int) -> None:
    with started(f"exit {code}") as process:
        assert process.wait(WAIT_S) == code


def test_the_service_drains_when_it_is_told_to_stop() -> None:
    drains = (
        "trap 'echo draining; sleep 0.2; echo drained; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    )
    with started(drains, PENSTOCK_REFUSED="hold") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        assert process.stdout.read() == "draining\ndrained\n"


def test_a_service_that_cannot_drain_tells_its_code_and_does_not_stay() -> None:
    with started(
        "trap 'exit 70' TERM; echo ready; while :; do sleep 0.05; done", PENSTOCK_REFUSED="hold"
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 70
