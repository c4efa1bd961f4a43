"""A session in the background: up, status, halt, resume, down."""

from __future__ import annotations

import json
import shutil

from e2e.conftest import User


def test_a_background_session_is_steered_drained_resumed_and_ended(user: User) -> None:
    started = user.run("up", "--strategy", "ma_cross:fast=2,slow=5")
    assert started.returncode == 0, started.stderr
    first = user.record()["session_id"]

    now = json.loads(user.run("status", "--json").stdout)
    assert now["session_id"] == first
    assert now["trading_state"] == "active"

    second = user.run("paper")
    assert second.returncode == 73
    assert first in second.stderr

    halted = user.run("halt", "--reason", "a test")
    assert halted.stdout.strip() == "halt: trading is halted", halted.stderr
    resumed = user.run("resume", "--reason", "the test goes on")
    assert resumed.stdout.strip() == "resume: trading is active", resumed.stderr

    ordered = user.run("order", "buy", "0.01", "--instrument", "btc-usdt.synthetic")
    assert ordered.stdout.startswith("place: order o-"), ordered.stderr
    refused = user.run("order", "sell", "999", "--instrument", "sol-usdt.synthetic")
    assert refused.stderr.startswith("error: place: refused: "), refused.stdout
    part = user.run("halt", "--strategy", "ma_cross", "--underlying", "btc")
    assert "(halted: underlying BTC, strategy ma_cross)" in part.stdout, part.stderr
    misspelt = user.run("halt", "--strategy", "ma_crss")
    assert (misspelt.returncode, misspelt.stdout) == (1, "")
    assert misspelt.stderr.strip() == "error: halt: refused: the session has no strategy ma_crss"
    closed = user.run("close", "--instrument", "eth-usdt.synthetic")
    assert "to close); trading is active" in closed.stdout, closed.stderr
    assert "close: name a --strategy" in user.run("close").stderr
    cancelled = user.run("cancel", "--reason", "all of them")
    assert cancelled.stdout.startswith("cancel by local: all of them ("), cancelled.stderr

    drained = user.run("down")
    assert drained.returncode == 0, drained.stderr
    assert user.record()["status"] == "stopped"
    assert not (user.folder / "out" / first).exists()

    assert user.run("up").returncode == 0
    assert user.record()["session_id"] == first
    # What was held is held after a restart.
    resumed = user.run("resume", "--reason", "again", "--strategy", "ma_cross")
    assert "(1 hold lifted); trading is active" in resumed.stdout, resumed.stderr
    ended = user.run("down", "--flatten")
    assert ended.returncode == 0, ended.stderr
    assert user.record()["status"] == "ended"
    assert user.report()["stop_reason"] == "operator"
    assert user.run("status").returncode == 1


def test_without_a_session_a_halt_is_written_to_the_kill_file(user: User) -> None:
    assert user.run("status").returncode == 1
    halted = user.run("halt", "--reason", "before all")
    assert halted.returncode == 0
    assert (user.folder / ".penstock" / "kill.txt").read_text() == "before all\n"


def test_a_session_whose_log_was_lost_is_not_replaced_by_a_new_one(user: User) -> None:
    assert user.run("up", "--strategy", "ma_cross:fast=2,slow=5").returncode == 0
    assert user.run("down").returncode == 0
    first = user.record()["session_id"]
    shutil.rmtree(user.folder / ".penstock" / "sessions" / first / "jetstream")
    for _ in range(2):
        refused = user.run("up")
        assert refused.returncode == 70, refused.stdout
        assert "was lost" in refused.stderr
        assert user.record()["session_id"] == first
    assert user.run("up", "--fresh").returncode == 0
    assert user.record()["session_id"] != first
    assert user.run("down", "--flatten").returncode == 0
