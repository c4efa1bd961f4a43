"""Searches, folds and gates: reproducible, resumable, and honest about how much was tried."""

import itertools
import json
import math
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from penstock.main import run as penstock
from penstock_kernel.session import SessionConfig
from penstock_research.trials.gate import Limits, fold_returns, gate
from penstock_research.trials.journal import Journal, OtherSearch
from penstock_research.trials.run import History, Window, run_window, with_parameters
from penstock_research.trials.search import Search, run_search
from penstock_research.trials.significance import bootstrap, expected_best, probability_above, significance
from penstock_research.trials.space import SpaceError, grid, parse
from penstock_research.trials.walk import NoFolds, Plan, folds, walk_forward
from support.cli import PENSTOCK, resolved, write_bars

HOUR = 3600 * 10**9
DIMENSIONS = (parse("fast=2..4"), parse("slow=3,9,15"))


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return write_bars(tmp_path / "btc-perp-1m.csv", 400, period=30)


def opened(bars: Path) -> tuple[dict[str, Any], History]:
    run = resolved(f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]')
    return run.document, History(run.feeds, SessionConfig.model_validate(run.document["session"]))


def timeless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


# --- The space ------------------------------------------------------------------------------------------


def test_values_are_read_as_they_are_written() -> None:
    assert parse("fast=5..15:5").values == (5, 10, 15)
    assert parse("fast=5..7").values == (5, 6, 7)
    assert parse("entry=1.0..2.0:0.5").values == (1.0, 1.5, 2.0)
    assert parse("kind=ema,sma").values == ("ema", "sma")
    assert (parse("entry=1.0..2.5").low, parse("entry=1.0..2.5").high) == (1.0, 2.5)
    assert list(grid((parse("a=1,2"), parse("b=3,4")))) == [
        {"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4},
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["fast", "fast=", "=5", "fast=9..5", "fast=1..5:0", "fast=0..9999999"])
def test_values_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        parse(text)


def test_a_grid_over_a_continuous_range_wants_a_step() -> None:
    with pytest.raises(SpaceError, match="needs a step"):
        list(grid((parse("entry=1.0..2.0"),)))


# --- Searches -------------------------------------------------------------------------------------------


def test_one_process_and_several_rank_alike_and_failures_are_listed(bars: Path) -> None:
    document, history = opened(bars)
    rows = [
        run_search(Search(DIMENSIONS, workers=each), document, history, history.window) for each in (1, 3)
    ]
    assert timeless(rows[0]) == timeless(rows[1])
    failed = [row for row in rows[0] if row["status"] == "failed"]
    assert len(rows[0]) == 9
    assert [(row["p.fast"], row["p.slow"]) for row in failed] == [(3, 3), (4, 3)]
    assert "fast must be below slow" in failed[0]["error"]
    sharpes = [row["sharpe"] for row in rows[0][:7]]
    assert sharpes == sorted(sharpes, reverse=True)


def test_a_trial_is_the_backtest_of_its_parameters(bars: Path) -> None:
    document, history = opened(bars)
    row = next(
        each
        for each in run_search(Search(DIMENSIONS, workers=1), document, history, history.window)
        if (each.get("p.fast"), each.get("p.slow")) == (4, 15)
    )
    run = resolved(f"replay:{bars}", 'run.strategies=["ma_cross:fast=4,slow=15"]')
    alone = run_window(run.document, history, history.window)
    assert row["fills_hash"] == alone.fills_hash
    assert row["fills"] > 5


@pytest.mark.parametrize("method", ["random", "optuna"])
def test_a_seeded_search_repeats(bars: Path, method: Any) -> None:
    document, history = opened(bars)
    dimensions = (parse("fast=2..6"), parse("slow=8..20:4"))
    search = Search(dimensions, method, trials=6, seed=5, workers=1)
    first, second = (run_search(search, document, history, history.window) for _ in range(2))
    assert timeless(first) == timeless(second)


@pytest.mark.parametrize("method", ["grid", "random", "optuna"])
def test_a_search_goes_on_where_it_was_cut_off(bars: Path, tmp_path: Path, method: Any) -> None:
    document, history = opened(bars)
    search = Search(DIMENSIONS, method, trials=5, workers=1)
    whole = run_search(search, document, history, history.window)

    class Cut(Exception):
        pass

    def cut(done: int, _whole: int, _row: Any) -> None:
        if done == 2:
            raise Cut

    journal = Journal(tmp_path / "s", {"a": 1})
    with pytest.raises(Cut):
        run_search(search, document, history, history.window, journal, cut)
    journal.close()
    with (tmp_path / "s" / "trials.jsonl").open("ab") as file:
        file.write(b'{"key": "half a li')
    journal = Journal(tmp_path / "s", {"a": 1})
    assert len(journal.rows) == 2
    again = run_search(search, document, history, history.window, journal)
    journal.close()
    if method != "optuna":  # what Optuna proposes next depends on its own past draws
        assert timeless(again) == timeless(whole)
    assert len(Journal(tmp_path / "s", {"a": 1}).rows) == len(again)


def test_a_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path, {"a": 1, "b": 2}).close()
    with pytest.raises(OtherSearch, match="another b"):
        Journal(tmp_path, {"a": 1, "b": 3})


def test_a_killed_sweep_is_finished_by_the_same_command(bars: Path, tmp_path: Path) -> None:
    arguments = [
        "sweep", "--data", str(bars), "--profile", "open", "--param", "fast=2..6", "--param", "slow=8..30",
        "--workers", "1", "--out", str(tmp_path / "sweep"),
    ]  # fmt: skip
    process = subprocess.Popen([*PENSTOCK, *arguments], stdout=subprocess.DEVNULL, env=dict(os.environ))
    journal = tmp_path / "sweep" / "trials.jsonl"
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    known = journal.read_bytes()
    assert 3 <= known.count(b"\n") < 115
    assert penstock(arguments) == 0
    assert journal.read_bytes().startswith(known[: known.rfind(b"\n") + 1])
    trials = pl.read_parquet(tmp_path / "sweep" / "trials.parquet")
    assert trials.height == 115
    summary = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    best = json.loads((tmp_path / "sweep" / "best" / "summary.json").read_text())
    assert summary["trials"] == 115
    assert best["fills_hash"] == summary["best"]["fills_hash"]


def test_a_killed_walk_forward_is_finished_by_the_same_command(bars: Path, tmp_path: Path) -> None:
    def arguments(out: str) -> list[str]:
        return [
            "walk-forward", "--data", str(bars), "--profile", "open", "--param", "fast=2..6", "--param",
            "slow=8..20", "--train", "2h", "--test", "1h", "--workers", "1", "--out", str(tmp_path / out),
        ]  # fmt: skip

    process = subprocess.Popen(
        [*PENSTOCK, *arguments("cut")], stdout=subprocess.DEVNULL, env=dict(os.environ)
    )
    second = tmp_path / "cut" / "fold-2" / "trials.jsonl"
    while process.poll() is None and not (second.exists() and second.read_bytes().count(b"\n") >= 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    known = second.read_bytes()
    assert 2 <= known.count(b"\n") < 65
    assert not (tmp_path / "cut" / "folds.json").exists()
    assert penstock(arguments("cut")) == 0
    assert second.read_bytes().startswith(known[: known.rfind(b"\n") + 1])
    assert penstock(arguments("whole")) == 0
    found, whole = (json.loads((tmp_path / each / "folds.json").read_text()) for each in ("cut", "whole"))
    assert found == whole
    assert penstock([*arguments("cut"), "--embargo", "1h"]) == 78


# --- Significance ---------------------------------------------------------------------------------------


def test_the_published_example_of_a_deflated_sharpe_ratio() -> None:
    # Bailey and López de Prado: SR 2.5 a year over 1250 days, skewness -3, kurtosis 10, 100 trials whose
    # annualised Sharpe ratios have a variance of 1/2: the expected best is 0.1132 a day, the DSR 0.9004.
    rng = np.random.Generator(np.random.PCG64(0))
    sharpes = rng.normal(size=100)
    sharpes = (sharpes - sharpes.mean()) / sharpes.std(ddof=1) * math.sqrt(0.5 / 250)
    assert expected_best(100, sharpes.tolist()) == pytest.approx(0.1132, abs=5e-5)


def test_with_one_trial_nothing_is_deflated() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    judged = significance(rng.normal(0.001, 0.01, 500).tolist())
    assert judged.deflated == judged.probabilistic
    assert judged.sharpe_low is not None
    assert judged.sharpe_high is not None
    assert judged.sharpe is not None
    assert judged.sharpe_low < judged.sharpe < judged.sharpe_high


def test_more_trials_make_the_same_result_less_believable() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    returns, sharpes = rng.normal(0.001, 0.01, 500).tolist(), rng.normal(0, 0.05, 50).tolist()
    few, many = (significance(returns, trials, sharpes).deflated for trials in (2, 200))
    assert few is not None
    assert many is not None
    assert many < few


def test_normal_returns_give_the_normal_probability() -> None:
    returns = [0.01, -0.01] * 50 + [0.02, -0.015]
    mean, deviation = np.mean(returns), np.std(returns, ddof=1)
    assert probability_above(returns, mean / deviation) == pytest.approx(0.5)


def test_the_bootstrap_interval_covers_about_95_of_100() -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    covered = 0
    for seed in range(60):
        low, high = bootstrap(rng.normal(0.1, 1.0, 200).tolist(), seed, resamples=300)
        covered += low <= 0.1 <= high
    assert 50 <= covered <= 60


def test_too_little_to_judge_is_not_a_number() -> None:
    for returns in ([], [0.1], [0.0, 0.0, 0.0]):
        assert significance(returns).sharpe is None
        assert significance(returns).probabilistic is None


# --- Walk-forward ---------------------------------------------------------------------------------------


def test_folds_keep_their_distances() -> None:
    plan = Plan(10 * HOUR, 5 * HOUR, purge=HOUR, embargo=2 * HOUR, warm_up=3 * HOUR)
    found = folds(plan, Window(0, 40 * HOUR))
    assert [(each.train.start // HOUR, each.train.end // HOUR) for each in found] == [
        (0, 10),
        (7, 17),
        (14, 24),
        (21, 31),
    ][: len(found)]
    assert len(found) == 4
    for before, after in itertools.pairwise(found):
        assert after.test.start - before.test.end >= plan.embargo
    assert all(each.test.start - each.train.end == HOUR for each in found)
    anchored = folds(Plan(10 * HOUR, 5 * HOUR, anchored=True), Window(0, 40 * HOUR))
    assert {each.train.start for each in anchored} == {0}
    with pytest.raises(NoFolds):
        folds(plan, Window(0, 15 * HOUR))


def test_a_test_sees_nothing_before_its_window_and_trades_nothing_in_its_warm_up(bars: Path) -> None:
    document, history = opened(bars)
    start = history.window.start + 2 * HOUR
    result = run_window(document, history, Window(start, start + HOUR, warm_up=HOUR))
    times = [each.ts for each in result.tally.fills]
    assert times
    assert min(times) > start
    assert max(times) < start + HOUR + 10 * 60 * 10**9
    assert result.run.rows <= 122


def test_walking_forward_trains_before_it_tests(bars: Path) -> None:
    document, history = opened(bars)
    plan = Plan(2 * HOUR, HOUR, purge=10 * 60 * 10**9)
    walked = list(walk_forward(plan, Search(DIMENSIONS, workers=1), document, history))
    assert len(walked) == 4
    for each in walked:
        rows = run_search(Search(DIMENSIONS, workers=1), document, history, each.fold.train)
        assert {name[2:]: rows[0][name] for name in ("p.fast", "p.slow")} == each.parameters


def test_parameters_of_several_strategies_are_named_with_them(bars: Path) -> None:
    strategies = 'run.strategies=["ma_cross:fast=3,slow=9,name=a", "ma_cross:fast=3,slow=9,name=b"]'
    document = resolved(f"replay:{bars}", strategies).document
    changed = with_parameters(document, {"b.fast": 5})
    assert [each["parameters"]["fast"] for each in changed["session"]["strategies"]] == [3, 5]
    with pytest.raises(ValueError, match=r"Write a\.fast"):
        with_parameters(document, {"fast": 5})


# --- The gate -------------------------------------------------------------------------------------------


def equity_of(daily: list[float]) -> pl.DataFrame:
    values = 1000 * np.cumprod([1.0, *(1 + each for each in daily)])
    start = 1_640_995_200 * 10**9
    times = [start + at * 24 * HOUR for at in range(len(values))]
    return pl.DataFrame({"ts": pl.Series(times).cast(pl.Datetime("ns", "UTC")), "equity": values})


def run_folder(folder: Path, daily: list[float], **summary: Any) -> Path:
    folder.mkdir()
    equity_of(daily).write_parquet(folder / "equity.parquet")
    trades = {"count": 100, "lost": 30, "profit_factor": 1.8}
    values = {"sharpe": 2.5, "drawdown_max_fraction": 0.04, "trades": trades, **summary}
    (folder / "summary.json").write_text(json.dumps(values))
    return folder


GOOD = np.random.Generator(np.random.PCG64(9)).normal(0.002, 0.008, 250).tolist()


def test_a_good_run_passes_every_rule(tmp_path: Path) -> None:
    assert all(each.passed for each in gate(run_folder(tmp_path / "run", GOOD), Limits()))
    assert penstock(["gate", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("sharpe", {"sharpe": 1.2}),
        ("sharpe", {"sharpe": None}),
        ("drawdown", {"drawdown_max_fraction": 0.1}),
        ("profit_factor", {"trades": {"count": 100, "lost": 50, "profit_factor": 1.19}}),
        ("profit_factor", {"trades": {"count": 0, "lost": 0, "profit_factor": None}}),
        ("trades", {"trades": {"count": 5, "lost": 1, "profit_factor": 2.0}}),
    ],
)
def test_each_rule_can_fail_a_run(tmp_path: Path, rule: str, changes: dict[str, Any]) -> None:
    verdicts = gate(run_folder(tmp_path / "run", GOOD, **changes), Limits())
    assert rule in [each.rule for each in verdicts if not each.passed]
    assert penstock(["gate", str(tmp_path / "run")]) == 1


def test_luck_and_one_good_stretch_do_not_pass(tmp_path: Path) -> None:
    spurt = [0.0005 * (-1) ** day for day in range(200)] + [0.02 + 0.001 * (day % 3) for day in range(20)]
    failed = {each.rule for each in gate(run_folder(tmp_path / "run", spurt), Limits()) if not each.passed}
    assert "folds that earn, of 5" in failed
    many = gate(tmp_path / "run", Limits(), trials=5000, sharpes=(0.3, -0.3, 0.2, -0.2))
    assert "significance, of 5000 trials" in [each.rule for each in many if not each.passed]


def test_fold_returns_multiply_to_the_whole() -> None:
    equity = equity_of(GOOD)
    whole = math.prod(1 + each for each in fold_returns(equity))
    assert whole == pytest.approx(equity["equity"][-1] / equity["equity"][0])


def test_a_folder_without_a_run_is_no_verdict(tmp_path: Path) -> None:
    assert penstock(["gate", str(tmp_path)]) == 78
