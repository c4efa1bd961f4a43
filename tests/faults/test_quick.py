"""Every fault and every failpoint once, with fills before and after each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 600


@pytest.mark.servers
@pytest.mark.slow
def test_after_every_fault_nothing_is_lost_doubled_or_different(tmp_path: Path) -> None:
    results = tmp_path / "faults.json"
    ended = subprocess.run(
        [sys.executable, "-m", "faults", "--results", str(results)],
        cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    document = json.loads(results.read_text())
    assert (document["lost"], document["duplicate"], document["divergent"]) == (0, 0, 0)
    assert document["kills"] >= 30
