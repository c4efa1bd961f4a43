"""Risk or execution dies again and again: the session ends loudly, and is halted when it goes on."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time

import psutil
import pytest
from e2e.conftest import User
from e2e.test_paper import finish, read_until
from support.machine import child_of

TRADES = ("--strategy", "ma_cross:fast=2,slow=5", "--profile", "open")


def kill_until_given_up(process: subprocess.Popen[str], words: str) -> None:
    """Kill a service each time that the launcher has started it."""
    while process.poll() is None:
        try:
            child_of(process.pid, words).kill()
        except (AssertionError, psutil.NoSuchProcess):
            time.sleep(0.02)


@pytest.mark.parametrize("service", ["risk", "execution"])
def test_a_session_whose_service_stays_down_goes_on_halted(user: User, service: str) -> None:
    process = user.start("paper", *TRADES)
    read_until(process, r"fills [1-9]")
    kill_until_given_up(process, f"penstock_{service}")
    code, said = finish(process)
    assert code == 69, said
    assert f"{service} died too often in a row (exit code -9)" in said
    assert "it goes on halted, until `penstock resume" in said
    assert "killed from outside" in said
    assert user.record()["status"] == "failed"

    assert user.run("up").returncode == 0
    deadline = time.monotonic() + 180
    while (now := json.loads(user.run("status", "--json").stdout))["trading_state"] != "halted":
        assert time.monotonic() < deadline, now
    assert user.run("resume", "--reason", "it was a test").returncode == 0
    assert user.run("down", "--flatten").returncode == 0


def test_a_stage_with_a_second_copy_trades_on_when_the_first_is_given_up(user: User) -> None:
    process = user.start("paper", *TRADES, "--standby", "risk")
    read_until(process, r"fills [1-9]")
    launcher = (
        user.folder / ".penstock" / "sessions" / user.record()["session_id"] / "logs" / "launcher.jsonl"
    )
    while "risk is gone" not in launcher.read_text():
        assert process.poll() is None
        kill_first_copy(process.pid)
    fills = int(fills_in(read_until(process, r"fills [0-9]")))
    while int(fills_in(read_until(process, r"fills [0-9]"))) <= fills:
        pass
    process.terminate()
    code, said = finish(process)
    assert code == 0, said
    assert "risk is gone (exit code -9) and trading goes on without it" in launcher.read_text()


def kill_first_copy(launcher: int) -> None:
    """Kill the copy of risk that is no standby, if it lives."""
    for child in psutil.Process(launcher).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "penstock_risk" in child.cmdline() and child.environ().get("PENSTOCK_STANDBY") != "true":
                child.kill()
    time.sleep(0.02)


def fills_in(line: str) -> str:
    found = re.search(r"fills (\d+)", line)
    assert found is not None
    return found[1]
