"""SIGTERM drains, whatever asked for it; what was asked from outside is started again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from e2e.conftest import User
from e2e.test_killed_everything import until
from e2e.test_paper import STRATEGY, finish, read_until, replay
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars
from support.machine import child_of

DRAIN_S = 10.0
STAGES = ("features", "strategy", "risk", "execution", "ingest")


def test_each_service_drains_in_time_under_load_and_a_rolling_restart_changes_nothing(
    user: User, tmp_path: Path
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 20_000)
    expected = run_chained(resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]').document)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    for name in (*STAGES, "recorder", "api"):
        until(user, lambda now, name=name: name in {each["name"] for each in now["services"]})  # type: ignore[misc]
        child = child_of(process.pid, f"penstock_{name}")
        asked = time.monotonic()
        child.terminate()
        child.wait(timeout=DRAIN_S)
        assert time.monotonic() - asked < DRAIN_S
        read_until(process, f"{name} was asked to end, drained, and is started again")
    code, said = finish(process)
    assert code == 0, said
    assert "exit code" not in said
    assert user.report()["fills_hash"] == expected.fills_hash
    assert user.run("verify").returncode == 0


@pytest.mark.parametrize("flags", [(), ("--fused",)])
def test_a_running_session_is_restarted_service_by_service(user: User, flags: tuple[str, ...]) -> None:
    assert user.run("up", "--strategy", "ma_cross:fast=2,slow=5", "--profile", "open", *flags).returncode == 0
    restarted = user.run("restart")
    assert restarted.returncode == 0, restarted.stderr
    names = ("fused",) if flags else STAGES
    for name in (*names, "recorder", "api"):
        assert f"{name} drained and runs again" in restarted.stdout
    assert user.run("restart", "rsik").returncode == 1
    until(user, lambda now: now["restarts"] == len(names) + 2)
    assert user.run("down").returncode == 0
    assert user.run("verify").returncode == 0


@pytest.mark.parametrize("speed", ["1x", "max"])
def test_a_session_under_load_drains_and_goes_on_to_the_same_end(
    user: User, tmp_path: Path, speed: str
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 6000)
    market = ("--source", f"replay:{bars}", "--strategy", STRATEGY, "--profile", "open", "--speed", "max")
    if speed == "1x":
        market = ("--set", "ingest.synthetic.rate=1000", "--strategy", "ma_cross:fast=2,slow=5")
    assert user.run("up", *market).returncode == 0
    drained = user.run("down")
    assert drained.returncode == 0, drained.stderr
    logs = user.folder / ".penstock" / "sessions" / user.record()["session_id"] / "logs"
    for name in (*STAGES, "recorder"):
        lines = (logs / f"{name}.out").read_text()
        assert not lines, lines
    assert user.run("verify").returncode == 0
