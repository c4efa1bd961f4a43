"""A session whose log keeps little goes on as if it kept everything: what has left it is in the archive."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from e2e.conftest import User
from e2e.test_paper import STRATEGY, finish, read_until, replay
from penstock_kernel.fills_hash import fills_hash
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars

BARS = 8000
SHORT = ("--set", f"log.bytes_max={6 << 20}")
"""Some two thousand intervals: those on their way are few beside them."""


def _expected(bars: Path) -> str:
    chosen = resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]')
    return fills_hash(run_chained(chosen.document).fills)


@pytest.mark.parametrize("topology", [(), ("--fused",)])
def test_after_a_kill_of_everything_lost_snapshots_and_a_log_that_begins_later_all_is_as_without(
    user: User, tmp_path: Path, topology: tuple[str, ...]
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", BARS)
    process = user.start(*replay(bars, *SHORT, *topology))
    read_until(process, r"fills (3[5-9]\d|[4-9]\d\d)")
    process.kill()
    finish(process)
    session = user.folder / ".penstock" / "sessions" / user.record()["session_id"]
    for snapshots in session.rglob("OBJ_SNAPSHOTS-0"):
        shutil.rmtree(snapshots)

    resumed = user.run("paper", "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "its beginning aged out" in resumed.stdout
    service = "fused" if topology else "risk"
    assert "reading_the_past" in (session / "logs" / f"{service}.jsonl").read_text()
    report = user.report()
    assert report["fills_hash"] == _expected(bars)
    assert all(float(each["quantity"]) == 0 for each in report["positions"])
    (folder,) = (user.folder / "out").iterdir()
    validated = user.run("validate", str(folder))
    assert validated.returncode == 0, validated.stdout
    verified = user.run("verify", report["session_id"])
    assert verified.returncode == 0, verified.stdout + verified.stderr
