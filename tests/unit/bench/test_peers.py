"""The comparison with other engines: equity from fills, what agrees, and the tables."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bench.peers import data, ours
from bench.peers.compare import compare, curve, fills_agree, minute_prices
from bench.peers.growth import exponent
from bench.peers.measure import DEFINITIONS, _row
from bench.peers.ours import Prepared, document_of, rows_of
from bench.peers.table import markdown, reached, table
from bench.peers.works import WORKS

MINUTE = data.MINUTE_NS


def test_equity_is_the_capital_less_what_was_paid_plus_what_is_held() -> None:
    ts = np.arange(1, 5, dtype=np.int64) * MINUTE
    fills = [[2 * MINUTE, 0.5, 100.0, 1.0], [3 * MINUTE, -0.5, 110.0, 2.0]]
    equity = curve(fills, ts, np.array([100.0, 104.0, 120.0, 90.0]), 1_000.0)
    assert equity.tolist() == [1_000.0, 1_000.0 - 1.0 + 0.5 * 4.0, 1_000.0 - 3.0 + 5.0, 1_000.0 - 3.0 + 5.0]


def test_curves_are_compared_at_the_last_price_of_each_minute() -> None:
    columns = data.trades(1_800)
    ts, prices = minute_prices(columns)
    assert len(ts) == 3
    assert ts[0] == data.START_NS + MINUTE
    assert prices[0] == columns["price"][599]


def test_a_worse_price_counts_against_us_on_both_sides() -> None:
    columns = data.trades(1_200)
    at = int(columns["ts"][5])
    peer = [[at, 1.0, 100.0, 0.0], [at, -1.0, 100.0, 0.0]]
    ours = [[at, 1.0, 100.1, 0.0], [at, -1.0, 99.9, 0.0]]
    found = compare(ours, peer, columns, 1_000.0)
    assert found["price_difference_bps"] == pytest.approx(10.0)
    assert found["equity_deviation"] == pytest.approx(0.2)


def test_what_closes_the_position_after_the_data_is_left_out() -> None:
    columns = data.trades(1_200)
    first, last = int(columns["ts"][5]), int(columns["ts"][-1])
    ours = [[first, 1.0, 100.0, 0.0], [last + 1, -1.0, 100.0, 0.0]]
    assert compare(ours, ours[:1], columns, 1_000.0)["fills"] == [1, 1]


@pytest.mark.parametrize(("fills", "agree"), [((1_000, 990), True), ((1_000, 989), False), ((2, 1), True)])
def test_fills_agree_within_one_in_a_hundred(fills: tuple[int, int], agree: bool) -> None:
    assert fills_agree(fills) is agree


def test_the_same_bars_follow_each_other_again_and_again(tmp_path: Path) -> None:
    bars = {"ts": np.array([1, 2, 3], dtype=np.int64) * MINUTE, "close": np.array([1.0, 2.0, 3.0])}
    twice = data.repeated(bars, 2)
    assert (twice["ts"] // MINUTE).tolist() == [1, 2, 3, 4, 5, 6]
    assert twice["close"].tolist() == [1.0, 2.0, 3.0] * 2
    again = data.read(data.write(tmp_path / "bars.parquet", twice))
    assert again["ts"].tolist() == twice["ts"].tolist()


def test_every_row_names_what_differs_by_definition() -> None:
    assert {work.peer for work in WORKS.values()} == set(DEFINITIONS)


def test_what_is_measured_makes_the_rows_of_the_lockstep_path(tmp_path: Path) -> None:
    work = WORKS["trades"]
    file = data.write(tmp_path / "btc-usdt.parquet", data.trades(60_000))
    prepared = Prepared(document_of(work, file))
    whole: list[Any] = []
    steps: list[Any] = []
    prepared.run(lambda producer, made: whole.extend(made if producer != "features" else ()), stepwise=False)
    prepared.run(lambda producer, made: steps.extend(made if producer != "features" else ()), stepwise=True)
    assert rows_of(whole) == rows_of(steps)
    assert int(rows_of(whole)["fills"][0]) > 0


def _measured(seconds: float, fills: int) -> dict[str, Any]:
    return {
        "events": 100,
        "runs_s": [2 * seconds, seconds],
        "cpu_s": [0.0, seconds],
        "load_s": 1.0,
        "fills": fills,
    }


def test_a_row_is_the_median_of_the_pairs_ratios() -> None:
    ours, peer = [_measured(each, 1) for each in (1.0, 2.0, 1.0)], [_measured(30.0, 1)] * 3
    row = _row(WORKS["trades"], ours, peer)
    assert row["ratios"] == [30.0, 15.0, 30.0]
    assert row["ratio"] == 30.0
    assert row["ours_per_s"] == 100.0


@pytest.mark.parametrize(
    ("ratio", "agree", "good"), [(30.0, True, True), (29.9, True, False), (30.0, False, False)]
)
def test_a_row_is_reached_when_fast_enough_with_the_same_fills(ratio: float, agree: bool, good: bool) -> None:
    row = _row(WORKS["trades"], [_measured(1.0, 1)], [_measured(ratio, 1)])
    made = {"fills": [1, 1], "fills_agree": agree, "equity_final": [1.0, 2.0]}
    rows = {"trades": {**row, "comparison": made}}
    assert reached(rows["trades"]) is good
    out = io.StringIO()
    for each in table(rows):
        Console(file=out, width=200).print(each)
    assert "1 / 2" in out.getvalue()
    assert markdown(rows).count("\n| trades |") == 2


def test_a_made_up_book_never_crosses_and_keeps_its_depth() -> None:
    columns = data.books(5_000)
    levels: dict[str, dict[int, float]] = {"bid": {}, "ask": {}}
    for row, ts in enumerate(columns["ts"]):
        side, tick = levels[str(columns["side"][row])], round(float(columns["price"][row]) * 10)
        if columns["size"][row]:
            side[tick] = float(columns["size"][row])
        else:
            del side[tick]
        if row >= 2 * data.BOOK_LEVELS and ts != columns["ts"][min(row + 1, len(columns["ts"]) - 1)]:
            assert min(levels["ask"]) - max(levels["bid"]) == 2
            assert len(levels["ask"]) == len(levels["bid"]) == data.BOOK_LEVELS
    middle = (min(levels["ask"]) + max(levels["bid"])) / 2
    assert data.last_middle(columns) == pytest.approx(middle / 10)


@pytest.mark.parametrize(("power", "found"), [(1.0, 1.0), (2.0, 2.0)])
def test_the_exponent_is_the_slope_of_the_logarithms(power: float, found: float) -> None:
    runs = [{"rows": rows, "cpu_s": 3e-6 * rows**power} for rows in (10, 100, 5_000)]
    assert exponent(runs) == pytest.approx(found)


def test_memory_is_told_beside_its_base() -> None:
    run = {"rows": 10, "instruments": 1, "base_mb": 200.0, "columns_mb": 50.0, "highest_mb": 290.0}
    told = markdown({}, {"memory": {"runs": [run], "measured": 1.8, "must": 2.0}})
    assert "| memory | 1.80 x the columns | 2 | yes |" in told
    assert "90.0 MB more than the base of 200 MB" in told


def test_the_beginning_is_compared_with_a_lockstep_path_that_ends_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "LOCKSTEP_MARKS", 12_000)
    file = data.write(tmp_path / "btc-usdt.parquet", data.trades(20_000))
    work = replace(WORKS["trades"], parameters={"fast": 2, "slow": 5, "kind": "ema"})
    document = document_of(work, file)
    made: list[Any] = []
    Prepared(document).run(lambda producer, each: made.extend(each if producer != "features" else ()))
    until = ours.beginning(document)[1]
    found = rows_of(made, until)
    assert found == ours.lockstep_rows(document)
    assert int(found["signals"][0]) > 0
    assert found != rows_of(made)
