"""`penstock paper`: real services on a real log and a real database, from the command line to the report."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from e2e.conftest import TIMEOUT_S, User
from penstock_kernel.fills_hash import fills_hash
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars

STRATEGY = "ma_cross:fast=3,slow=9"


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """Read what a command says up to the first line that matches."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(pattern, line):
            return line
    complained = process.stderr.read() if process.stderr is not None else ""
    raise AssertionError(f"ended without {pattern!r}: {''.join(lines[-5:])}{complained}")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, complained = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, said + complained


def replay(bars: Path, *more: str) -> list[str]:
    return [
        "paper",
        "--source",
        f"replay:{bars}",
        "--speed",
        "max",
        "--profile",
        "open",
        "--strategy",
        STRATEGY,
        *more,
    ]


def test_the_synthetic_market_at_1x_trades_ends_flat_and_validates(user: User) -> None:
    ended = user.run(
        "paper", "--duration", "15s", "--strategy", "ma_cross:fast=2,slow=5",
        "--set", "ingest.synthetic.malformed=20",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    report = user.report()
    assert report["stop_reason"] == "duration"
    assert report["fills"] > 0
    assert report["errors"] == 0
    assert all(Decimal(each["quantity"]) == 0 for each in report["positions"])
    assert report["latency_ms"]["tick_to_order_p50"] is not None
    assert "limits (conservative)" in ended.stdout
    assert report["fills_hash"] in ended.stdout
    (folder,) = (user.folder / "out").iterdir()
    assert user.run("validate", str(folder)).returncode == 0
    assert user.record()["status"] == "ended"
    assert report["session_id"] in user.run("sessions", "list").stdout


def test_separate_processes_one_process_and_no_bus_give_the_same_fills(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 240)
    chosen = resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]')
    expected = run_chained(chosen.document)
    for number, flags in enumerate(((), ("--fused",))):
        out = user.folder / f"out{number}"
        ended = user.run(*replay(bars, "--out", str(out), *flags))
        assert ended.returncode == 0, ended.stderr
        (folder,) = out.iterdir()
        assert expected.fills_hash in (folder / "final_report.json").read_text()
        assert user.run("validate", str(folder)).returncode == 0
    assert expected.fills_hash == fills_hash(expected.fills)
    assert len(expected.fills) > 10


def test_ctrl_c_closes_everything_and_reports(user: User) -> None:
    process = user.start("paper", "--strategy", "ma_cross:fast=2,slow=5")
    read_until(process, r"fills [1-9]")
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 0, said
    report = user.report()
    assert report["stop_reason"] == "operator"
    assert all(Decimal(each["quantity"]) == 0 for each in report["positions"])


def test_a_killed_launcher_leaves_nothing_and_the_session_goes_on_to_the_same_fills(
    user: User, tmp_path: Path
) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 1500)
    expected = run_chained(resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]').document)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    process.kill()
    process.wait()
    resumed = user.run("paper", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert user.report()["fills_hash"] == expected.fills_hash


def test_a_killed_service_is_started_again_and_changes_nothing(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 1500)
    expected = run_chained(resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]').document)
    process = user.start(*replay(bars))
    read_until(process, r"fills \d\d")
    for child in psutil.Process(process.pid).children():
        if "penstock_risk" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)
    code, said = finish(process)
    assert code == 0, said
    assert "risk ended by SIGKILL and is started again" in said
    assert user.report()["fills_hash"] == expected.fills_hash


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sorce", "synthetic"], "No such option: --sorce"),
        (["--set", "risk.trades_mx=1"], "risk.trades_mx: unknown key; did you mean trades_max?"),
        (["--source", "replay:nowhere.csv"], "ingest.sources: "),
        (["--strategy", "ma_crss"], "run.strategies: unknown strategy 'ma_crss'"),
    ],
)
def test_what_is_wrong_gives_one_line_and_starts_nothing(user: User, arguments: list[str], said: str) -> None:
    ended = user.run("paper", *arguments)
    assert ended.returncode == 78
    assert ended.stderr.startswith(f"error: {said}")
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (user.folder / ".penstock").exists()


def test_a_standby_of_risk_takes_over_and_changes_nothing(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 1500)
    expected = run_chained(resolved(f"replay:{bars}", f'run.strategies=["{STRATEGY}"]').document)
    process = user.start(*replay(bars, "--standby", "risk"))
    read_until(process, r"fills \d\d")
    copies = [each for each in psutil.Process(process.pid).children() if "penstock_risk" in each.cmdline()]
    assert len(copies) == 2
    os.kill(copies[0].pid, signal.SIGKILL)
    code, said = finish(process)
    assert code == 0, said
    assert user.report()["fills_hash"] == expected.fills_hash
