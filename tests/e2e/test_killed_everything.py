"""`penstock up` after SIGKILL of everything: launcher, services, nats-server and PostgreSQL at once."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
from e2e.conftest import User
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars

TIMEOUT_S = 180.0
RESTING = """
from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderType
from penstock_strategy import Bar, Intents, Needs, Parameters, Strategy


@dataclass
class Asked:
    instruments: list[str] = field(default_factory=list)


class Resting(Strategy[Parameters, Asked]):
    '''Asks once, far below the market, and waits.'''

    def declare(self) -> Needs:
        return Needs(bars=self.bars())

    def on_bar(self, bar: Bar) -> Intents:
        if bar.instrument in self.state.instruments:
            return None
        self.state.instruments.append(bar.instrument)
        style = OrderStyle(type=OrderType.LIMIT, limit_price=Decimal(f"{bar.close * 0.985:.2f}"))
        return self.long(bar.instrument, fraction=0.05, style=style)
"""


def kill_everything(user: User) -> None:
    """No process of the session is asked, and none is left."""
    launcher = psutil.Process(json.loads((user.folder / ".penstock" / "running.json").read_text())["pid"])
    processes = [launcher, *launcher.children(recursive=True)]
    names = " ".join(" ".join(each.cmdline()) for each in processes)
    assert all(each in names for each in ("nats-server", "postgres", "penstock_risk", "penstock_api"))
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # the leash was faster
            each.kill()
    psutil.wait_procs(processes, timeout=10)
    assert user.run("status").returncode == 1
    assert "cut off" in user.run("sessions", "list").stdout


def until(user: User, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        said = user.run("status", "--json")
        assert said.returncode == 0, said.stderr
        now: dict[str, Any] = json.loads(said.stdout)
        if now["trading_state"] is not None and condition(now):
            return now
        assert time.monotonic() < deadline, now


def goes_on(user: User) -> str:
    session: str = user.record()["session_id"]
    started = user.run("up")
    assert started.returncode == 0, started.stderr
    assert session in started.stdout
    return session


def flattened(user: User) -> dict[str, Any]:
    ended = user.run("down", "--flatten")
    assert ended.returncode == 0, ended.stderr
    report = user.report()
    assert all(Decimal(each["quantity"]) == 0 for each in report["positions"])
    return report


def test_positions_and_the_trading_state_are_those_of_before(user: User) -> None:
    assert user.run("up", "--strategy", "ma_cross:fast=2,slow=5", "--profile", "open").returncode == 0
    until(user, lambda now: bool(now["positions"]))
    assert user.run("halt", "--reason", "to hold still").returncode == 0
    before = until(user, lambda now: now["trading_state"] == "halted" and not now["working"])

    kill_everything(user)
    goes_on(user)
    after = until(user, lambda now: now["event_time"] > before["event_time"])
    assert after["trading_state"] == "halted"
    assert after["positions"] == before["positions"]
    assert (after["orders"], after["fills"]) == (before["orders"], before["fills"])
    assert after["fees"] == before["fees"]
    assert after["pnl_realized"] == before["pnl_realized"]
    assert user.run("resume", "--reason", "seen").returncode == 0
    report = flattened(user)
    asked = user.run("sql", "--json", "SELECT count(*) AS fills FROM fills")
    assert json.loads(asked.stdout) == [{"fills": report["fills"]}], asked.stderr
    refused = user.run("sql", "DELETE FROM fills")
    assert (refused.returncode, "read-only" in refused.stderr) == (1, True)


def test_open_orders_are_still_open_and_can_be_cancelled(user: User, tmp_path: Path) -> None:
    (tmp_path / "resting.py").write_text(RESTING)
    assert user.run("up", "--strategy", "resting.py:Resting", "--profile", "open").returncode == 0
    before = until(user, lambda now: now["working"] == 3)

    kill_everything(user)
    goes_on(user)
    after = until(user, lambda now: now["event_time"] > before["event_time"])
    assert (after["working"], after["orders"], after["fills"]) == (3, 3, 0)
    assert user.run("halt", "--reason", "cancels what works").returncode == 0
    until(user, lambda now: now["working"] == 0)
    report = flattened(user)
    assert report["orders"]["approved"] == report["orders"]["cancelled"] == 3


def test_limits_used_are_not_given_back(user: User, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 6000)
    settings = ('run.strategies=["ma_cross:fast=3,slow=9"]', "risk.trades_max=60")
    expected = run_chained(resolved(f"replay:{bars}", *settings).document)
    assert expected.fills
    arguments = ("--source", f"replay:{bars}", "--speed", "3600x", "--profile", "open")
    chosen = (each for setting in settings for each in ("--set", setting))
    assert user.run("up", *arguments, *chosen).returncode == 0
    until(user, lambda now: (now["fills"] or 0) > 5)

    kill_everything(user)
    goes_on(user)
    deadline = time.monotonic() + TIMEOUT_S
    while user.record()["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    report = user.report()
    assert report["stop_reason"] == "trades: 60 has reached 60"
    assert report["fills_hash"] == expected.fills_hash


def test_the_duration_that_remains_is_what_was_left(user: User) -> None:
    assert user.run("up", "--strategy", "ma_cross:fast=2,slow=5", "--duration", "40s").returncode == 0
    before = until(user, lambda now: bool(now["event_time"]) and now["event_time"] > now["event_start"])

    kill_everything(user)
    goes_on(user)
    after = until(user, lambda now: now["event_time"] > before["event_time"])
    assert after["event_end"] == before["event_end"] == before["event_start"] + 40 * 10**9
    deadline = time.monotonic() + TIMEOUT_S
    while user.record()["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    report = user.report()
    assert report["stop_reason"] == "duration"
