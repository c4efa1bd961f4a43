"""The servers below a session die or run out of space: the launcher says so and mends what it can."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e.conftest import User
from e2e.test_paper import STRATEGY, finish, read_until, replay
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars
from support.machine import child_of, fill, small_disk

TRADES = ("--strategy", "ma_cross:fast=2,slow=5", "--profile", "open")
TIMEOUT_S = 180.0


def status(user: User) -> dict[str, Any]:
    said = user.run("status", "--json")
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def until(user: User, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look at the status until it is as it should be."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition(now := status(user)):
        assert time.monotonic() < deadline, now
    return now


def notes(now: dict[str, Any]) -> str:
    return " ".join(now["notes"])


def test_a_log_server_that_is_killed_comes_back_and_nothing_changes(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 3000)
    expected = run_chained(resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]').document)
    process = user.start(*replay(bars))
    for fills in (r"fills \d\d", r"fills \d\d\d"):
        read_until(process, fills)
        child_of(process.pid, "nats-server").kill()
    code, said = finish(process)
    assert code == 0, said
    assert "nats-server runs again" in said
    assert user.report()["fills_hash"] == expected.fills_hash
    assert user.run("verify").returncode == 0


def test_a_database_server_that_is_killed_comes_back_and_the_recorder_catches_up(
    user: User, tmp_path: Path
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 1500)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    child_of(process.pid, "/postgres -D").kill()
    code, said = finish(process)
    assert code == 0, said
    assert "postgres died and is started again; trading goes on" in said
    assert "postgres runs again" in said
    assert "did not write everything" not in said


def test_a_log_server_that_cannot_start_again_ends_the_session_with_69(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 3000)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    folder = user.folder / ".penstock" / "sessions" / user.record()["session_id"]
    (folder / "jetstream").rename(folder / "elsewhere")
    (folder / "jetstream").write_text("no directory")
    child_of(process.pid, "nats-server").kill()
    code, said = finish(process)
    assert code == 69, said
    assert "nats-server failed 5 times in a row" in said
    assert "`penstock up` goes on with the session" in said
    assert user.record()["status"] == "failed"

    (folder / "jetstream").unlink()
    (folder / "elsewhere").rename(folder / "jetstream")
    resumed = user.run("paper", "--resume")
    assert resumed.returncode == 0, resumed.stderr


def test_a_full_disk_stops_everything_says_so_and_goes_on_when_there_is_space(
    user: User, tmp_path: Path
) -> None:
    with small_disk(tmp_path / ".penstock", 200) as disk:
        assert user.run("up", *TRADES).returncode == 0
        until(user, lambda now: (now["fills"] or 0) > 0)
        ballast = fill(disk)
        full = until(user, lambda now: now["phase"] == "stands still")
        assert "the log's disk is full and nothing trades: free at least" in notes(full)
        halted = user.run("halt", "--reason", "it must not go on by itself")
        assert "kill.txt" in halted.stdout, halted.stderr
        later = status(user)
        assert (later["orders"], later["fills"]) == (full["orders"], full["fills"])

        freed = time.monotonic()
        ballast.unlink()
        again = until(user, lambda now: now["phase"] == "running" and now["trading_state"] == "halted")
        assert "disk is full" not in notes(again)
        passed_s = (again["event_time"] - full["event_time"]) / 1e9
        assert passed_s < time.monotonic() - freed + 4, "the outage is no event time"

        (disk / "kill.txt").unlink()
        assert user.run("resume", "--reason", "there is space").returncode == 0
        until(user, lambda now: now["fills"] > again["fills"])
        assert user.run("down").returncode == 0
        verified = user.run("verify")
        assert verified.returncode == 0, verified.stdout
        assert user.run("up").returncode == 0
        assert user.run("down", "--flatten").returncode == 0


def test_while_the_disk_of_the_database_is_full_trading_goes_on_and_the_recorder_catches_up(
    user: User, tmp_path: Path
) -> None:
    with small_disk(tmp_path / ".penstock" / "postgres", 100) as disk:
        assert user.run("up", *TRADES, "--set", "ingest.synthetic.rate=500").returncode == 0
        until(user, lambda now: (now["fills"] or 0) > 0)
        ballast = fill(disk)
        full = until(user, lambda now: "the recorder waits for the database" in notes(now))
        until(user, lambda now: now["fills"] > full["fills"] + 5 and now["phase"] == "running")
        until(user, lambda now: "its disk is full: free some space" in notes(now))

        ballast.unlink()
        until(
            user, lambda now: not [each for each in now["notes"] if "database" in each or "postgres" in each]
        )
        ended = user.run("down", "--flatten")
        assert ended.returncode == 0, ended.stderr
        assert "did not write everything" not in (tmp_path / ".penstock" / "launcher.log").read_text()
