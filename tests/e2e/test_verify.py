"""`penstock verify`: a session that ran, was killed and went on replays; a tampered one does not."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest
from e2e.conftest import User
from e2e.test_paper import finish, read_until, replay
from support.cli import write_bars


def session_folder(user: User) -> Path:
    folder: Path = user.folder / ".penstock" / "sessions" / user.record()["session_id"]
    return folder


@pytest.mark.parametrize("flags", [(), ("--fused",)])
def test_a_session_replays_from_its_log_and_a_changed_configuration_is_named(
    user: User, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 240)
    ended = user.run(*replay(bars, *flags))
    assert ended.returncode == 0, ended.stderr
    verified = user.run("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "replays (ended)" in verified.stdout
    assert user.report()["fills_hash"] in verified.stdout

    folder = session_folder(user)
    assert user.run("verify", str(folder)).returncode == 0
    document = json.loads((folder / "config.json").read_text())
    document["execution"]["paper"]["slippage_bps"] = "7"
    (folder / "config.json").write_text(json.dumps(document))
    changed = user.run("verify", folder.name)
    assert changed.returncode == 1
    assert "changed: execution.paper.slippage_bps" in changed.stderr

    shutil.rmtree(folder / "jetstream")
    lost = user.run("verify")
    assert lost.returncode == 1
    assert "has no log" in lost.stderr
    assert not (folder / "jetstream").exists()


def test_a_session_replays_while_it_is_cut_off_and_after_it_went_on(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 1500)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    for child in psutil.Process(process.pid).children():
        if "penstock_execution" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)
    read_until(process, r"is started again")
    process.kill()
    finish(process)

    cut_off = user.run("verify")
    assert cut_off.returncode == 0, cut_off.stdout + cut_off.stderr
    assert "replays (open" in cut_off.stdout

    resumed = user.run("paper", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    verified = user.run("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "replays (ended)" in verified.stdout
    assert user.report()["fills_hash"] in verified.stdout
