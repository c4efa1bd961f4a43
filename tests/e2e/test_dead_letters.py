"""`penstock dlq` on the log of a session that is over."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from e2e.conftest import User
from e2e.test_paper import replay
from penstock_runtime.embedded import EmbeddedNats
from penstock_runtime.log import Delivered, Log
from support.cli import write_bars


async def bury(folder: Path) -> None:
    """Keep a readable and an unreadable message of the session as dead letters."""
    async with EmbeddedNats(folder) as server:
        log = await Log.connect(server.url, name="test")
        reader = await log.reader(("md",))
        while (found := reader.poll()) is None:
            await reader.wait(1.0)
        broken = Delivered(found.sequence + 1, found.subject, found.block, b"[not] a message")
        await log.dead_letter(found, "an older version")
        await log.dead_letter(broken, "not JSON")
        await log.close()


def test_letters_are_listed_shown_and_retried(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 60)
    assert user.run(*replay(bars)).returncode == 0
    assert user.run("dlq", "list").stdout.strip() == "no dead letters"
    asyncio.run(bury(user.folder / ".penstock" / "sessions" / user.record()["session_id"]))

    listed = json.loads(user.run("dlq", "list", "--json").stdout)
    assert [(each["number"], each["now"]) for each in listed] == [(1, "readable"), (2, "unreadable")]
    table = user.run("dlq", "list").stdout
    assert "not JSON" in table
    shown = user.run("dlq", "show", "2").stdout
    assert "content [not] a message" in shown

    retried = user.run("dlq", "retry", "1")
    assert retried.returncode == 0, retried.stderr
    assert "kept as message 3" in retried.stdout
    twice = user.run("dlq", "retry", "1")
    assert twice.returncode == 1
    assert "retried already: it is message 3" in twice.stderr
    assert user.run("dlq", "retry", "2").returncode == 1
    absent = user.run("dlq", "show", "9")
    assert absent.returncode == 1
    assert "there is no dead letter 9" in absent.stderr
    assert user.run("verify").returncode == 0
