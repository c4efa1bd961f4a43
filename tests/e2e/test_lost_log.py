"""A session whose log is gone does not go on."""

from __future__ import annotations

import shutil
from pathlib import Path

from e2e.conftest import User
from e2e.test_paper import finish, read_until, replay
from support.cli import write_bars


def test_a_session_whose_store_is_gone_halts_and_says_so(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 1500)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    process.kill()
    finish(process)
    session = user.record()["session_id"]
    folder = user.folder / ".penstock" / "sessions" / session
    assert (folder / "witness.json").exists()

    shutil.rmtree(folder / "jetstream")
    for _ in range(2):  # what the first try leaves must not look like a log to the second
        resumed = user.run("paper", "--resume")
        assert resumed.returncode == 70, resumed.stderr
        assert f"the log of session {session} was lost" in resumed.stderr
        assert "never trades on an empty state" in resumed.stderr
    assert not (user.folder / "out" / session).exists()
