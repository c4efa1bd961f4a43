"""A session run from Python, as docs/python.md shows it."""

from __future__ import annotations

import json
from decimal import Decimal

import psutil
import pytest
from e2e.conftest import User
from penstock.errors import CONFIG
from penstock.session import CommandError, PaperSession, Part
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars


def test_a_session_is_looked_at_commanded_and_ended_from_python(user: User) -> None:
    with PaperSession(
        config="template:ma_cross", data_dir=user.folder / "data", out=user.folder / "out", fused=True
    ) as session:
        first = session.advance("100ms")
        assert session.figures().currency == first.currency == "USDT"
        assert session.record.status == "running"
        later = session.advance("2s")
        assert first.event_time is not None
        assert later.event_time is not None
        assert later.event_time >= first.event_time + 2 * 10**9

        answer = session.halt("a look", Part(instrument="btc-usdt.synthetic"))
        assert answer.holds == ("halted: instrument btc-usdt.synthetic",)
        with pytest.raises(CommandError, match="halt: refused: the session has no strategy ma_crss"):
            session.halt("a slip", Part(strategy="ma_crss"))
        assert session.resume("seen").holds == ()
        assert session.cancel("all of them").accepted
        with pytest.raises(CommandError, match="its report is written when it has ended"):
            session.summary()
        with pytest.raises(CommandError, match="was started before"):
            session.start()

        report = session.stop()
        assert (report.session_id, report.stop_reason) == (session.session_id, "operator")
        assert not session.running
        assert (session.folder / "final_report.json").exists()
        with pytest.raises(CommandError, match="does not run any more"):
            session.halt("too late")


def test_a_session_is_aborted_when_its_block_raises(user: User) -> None:
    session = PaperSession(data_dir=user.folder / "data", out=user.folder / "out", fused=True)
    with pytest.raises(ZeroDivisionError), session:
        raise ZeroDivisionError
    assert session.record.status == "failed"
    assert session.record.stop_reason.startswith("stopped at once; left open: ")
    with pytest.raises(CommandError, match=r"failed: stopped at once; left open: "):
        session.summary()


def test_a_replay_is_run_to_its_end_and_its_report_returned(user: User) -> None:
    bars = write_bars(user.folder / "btc-perp-1m.csv", 300)
    session = PaperSession(
        source=f"replay:{bars}",
        strategy=["ma_cross:fast=3,slow=9"],
        speed="max",
        profile="open",
        settings={"risk.trades_max": 1000},
        fused=True,
        data_dir=user.folder / "data",
        out=user.folder / "out",
    )
    report = session.run()
    assert report.stop_reason == "end_of_data"
    assert report.fills > 2
    assert report.equity_end != Decimal(100_000)
    assert session.summary() == report


def test_what_is_wrong_is_told_as_on_the_command_line(user: User) -> None:
    session = PaperSession(data_dir=user.folder / "data", settings={"risk.trades_mx": 1})
    with pytest.raises(
        CommandError, match=r"risk.trades_mx: unknown key; did you mean trades_max\?"
    ) as caught:
        session.start()
    assert caught.value.exit_code == CONFIG
    with pytest.raises(CommandError, match="was not started"):
        _ = session.session_id


def test_a_session_steps_from_mark_to_mark_as_if_it_had_run_and_nobody_had_been_killed(user: User) -> None:
    bars = write_bars(user.folder / "btc-perp-1m.csv", 60)
    with PaperSession(
        source=f"replay:{bars}",
        strategy="ma_cross:fast=3,slow=9",
        profile="open",
        stepped=True,
        fused=True,
        data_dir=user.folder / "data",
        out=user.folder / "out",
    ) as session:
        times = []
        for _ in range(3):
            now = session.step()
            assert now is not None
            times.append(now.event_time)
        minute = 60 * 10**9
        assert times == [times[0], times[0] + minute, times[0] + 2 * minute]
        launcher = psutil.Process(json.loads((user.folder / "data" / "running.json").read_text())["pid"])
        (stages,) = [each for each in launcher.children() if "penstock.fused" in each.cmdline()]
        stages.kill()
        now = session.step(20)
        assert now is not None
        assert now.event_time == times[0] + 22 * minute
        with pytest.raises(CommandError, match=r"is stepped: its time goes on with step\(\) alone"):
            session.advance("1m")
        answer = session.halt("nothing", Part(strategy="ma_cross"))  # steps by one
        assert answer.ts == times[0] + 23 * minute
        session.resume("it was nothing", Part(strategy="ma_cross"))
        while session.step(10) is not None:
            pass
        report = session.summary()
    assert report.stop_reason == "end_of_data"
    assert report.fills > 2
    same = resolved(f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]')
    assert report.fills_hash == run_chained(same.document).fills_hash
    assert user.run("verify", "--data-dir", str(user.folder / "data")).returncode == 0


def test_a_strategy_goes_into_the_shadow_while_it_runs_and_the_session_replays(user: User) -> None:
    bars = write_bars(user.folder / "btc-perp-1m.csv", 120)
    with PaperSession(
        source=f"replay:{bars}",
        strategy=["ma_cross:name=one,fast=3,slow=9", "ma_cross:name=two,fast=2,slow=5"],
        profile="open",
        stepped=True,
        fused=True,
        data_dir=user.folder / "data",
        out=user.folder / "out",
    ) as session:

        def switch(mode: str) -> str:
            return session.command(
                "strategy_mode", "a test", Part(strategy="one"), arguments={"mode": mode}
            ).reason

        session.step(40)
        with pytest.raises(CommandError, match="refused: one is not flat: it holds"):
            switch("shadow")
        session.close("to be flat", Part(strategy="one"))
        for _ in range(8):
            try:
                assert switch("shadow") == "mode shadow of one by python: a test"
                break
            except CommandError:
                continue  # its closing order works for an interval or two, or it has decided again
        launcher = psutil.Process(json.loads((user.folder / "data" / "running.json").read_text())["pid"])
        (stages,) = [each for each in launcher.children() if "penstock.fused" in each.cmdline()]
        stages.kill()
        session.step(30)
        with pytest.raises(CommandError, match=r"refused: one is not flat: it holds .* virtually"):
            switch("trade")
        while session.step(10) is not None:
            pass
        report = session.summary()
    assert [(each.strategy, each.fills > 0) for each in report.shadow] == [("one", True)]
    verified = user.run("verify", "--data-dir", str(user.folder / "data"))
    assert verified.returncode == 0, verified.stdout + verified.stderr
