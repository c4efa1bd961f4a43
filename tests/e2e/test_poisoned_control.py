"""A command that nobody can read halts the session; the operator finds it, and decides to pass it over."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from e2e.conftest import User
from penstock_contracts import headers, subjects
from penstock_runtime.log import Log

TIMEOUT_S = 180.0


async def poison(url: str) -> int:
    """Write a command of a newer version; returns its log sequence."""
    log = await Log.connect(url, name="test")
    subject = subjects.subject(0, "ctl", 1, "command")
    block = headers.unnumbered("penstock.control.command.v1", "c-1", 1, partition=0, source="control")
    verb = b'{"command_id": "c-1", "verb": "stand_on_your_head", "ts_issued": 1}'
    ack = await log.js.publish(subject, verb, headers=headers.parse(block))
    await log.close()
    return ack.seq


def until_failed(user: User, times: int) -> str:
    """Wait until the launcher has said so often that it failed; returns what it said."""
    file = user.folder / ".penstock" / "launcher.log"
    deadline = time.monotonic() + TIMEOUT_S
    while (said := file.read_text()).count("error: ") < times:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert user.record()["status"] == "failed"
    return said


def test_an_unreadable_command_halts_until_the_operator_passes_it_over(user: User, tmp_path: Path) -> None:
    assert user.run("up", "--strategy", "ma_cross:fast=2,slow=5").returncode == 0
    session = user.record()["session_id"]
    running = json.loads((tmp_path / ".penstock" / "running.json").read_text())
    sequence = asyncio.run(poison(running["nats_url"]))
    assert f"penstock dlq pass {sequence}" in until_failed(user, 1)

    user.run("up")  # at each start again: it never goes on in silence
    until_failed(user, 2)
    assert "may have been a halt" in user.record()["stop_reason"]

    listed = json.loads(user.run("dlq", "list", "--json").stdout)
    assert [(each["sequence"], each["now"]) for each in listed] == [(sequence, "halts")]
    assert "stand_on_your_head" in user.run("dlq", "at", str(sequence)).stdout
    assert "halts" in user.run("dlq", "list").stdout
    readable = user.run("dlq", "pass", "1", "--reason", "x")
    assert (readable.returncode, "is no command" in readable.stderr) == (1, True)

    passed = user.run("dlq", "pass", str(sequence), "--reason", "sent by a newer client")
    assert passed.returncode == 0, passed.stderr
    assert user.run("dlq", "pass", str(sequence), "--reason", "again").returncode == 1
    assert json.loads(user.run("dlq", "list", "--json").stdout)[0]["now"] == "passed over"

    assert user.run("up").returncode == 0
    assert user.record()["session_id"] == session
    deadline = time.monotonic() + TIMEOUT_S
    while (now := json.loads(user.run("status", "--json").stdout))["trading_state"] != "halted":
        assert time.monotonic() < deadline, now
    assert user.run("resume", "--reason", "seen").returncode == 0
    ended = user.run("down", "--flatten")
    assert ended.returncode == 0, ended.stderr
    assert user.run("verify").returncode == 0
    assert user.record()["status"] == "ended"


def test_a_fresh_session_says_what_it_leaves_behind(user: User) -> None:
    assert user.run("up").returncode == 0
    assert user.run("down").returncode == 0
    first = user.record()["session_id"]
    fresh = user.run("up", "--fresh")
    assert fresh.returncode == 0
    assert f"session {first} (stopped) is left behind with whatever it has open" in fresh.stdout
    assert user.run("down", "--flatten").returncode == 0
