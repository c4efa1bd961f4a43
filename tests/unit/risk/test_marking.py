"""Thousands of prices at once give what one by one gives, to the last decimal."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from penstock_contracts.features import Prices
from penstock_contracts.market import Rate
from penstock_kernel.grid import NS_PER_DAY
from penstock_risk import reach
from penstock_risk.stage import RiskStage
from support.risk import BTC, ETH, INVERSE, MINUTE, START, Table, price_rows, session, settings

D = Decimal

HOUR = 60 * MINUTE


def cut(prices: Prices, start: int, end: int) -> Prices:
    columns = ("index", "ts", "ts_data", "last", "bid", "ask")
    return replace(prices, **{name: getattr(prices, name)[start:end] for name in columns})


def fed(state: bytes, config: Any, parts: list[Prices]) -> tuple[list[Any], dict[str, Any], bytes]:
    stage = RiskStage(config, session())
    stage.restore(state)
    outputs = [each for part in parts for each in stage.process(part)]
    # Every mark but the last was evaluated; the interval's end evaluates that too.
    stage._settle()
    return outputs, stage.describe(), stage.snapshot()


def holding(config: Any, positions: list[tuple[str, str, str, str]]) -> bytes:
    table = Table(config)
    table.mark()
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D("50123.45")))
    for instrument, price in ((BTC, "100"), (ETH, "50"), (INVERSE, "50000")):
        table.price(price, instrument)
    for strategy, instrument, direction, quantity in positions:
        price = {BTC: "100", ETH: "50", INVERSE: "50000"}[instrument]
        table.trade(direction, quantity, price, strategy=strategy, instrument=instrument, fee="0.0001")
    table.mark()
    return table.stage.snapshot()


BOOKS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from([BTC, BTC, BTC, ETH, INVERSE]),
        st.sampled_from(["long", "short"]),
        st.integers(1, 60).map(str),
    ),
    max_size=3,
    unique_by=lambda each: each[:2],
)
BASE = {BTC: 1000, ETH: 500, INVERSE: 500_000}


@st.composite
def batches(draw: st.DrawFn) -> Prices:
    names = draw(st.sampled_from([(BTC,), (BTC,), (BTC, ETH), (BTC, ETH, INVERSE), (INVERSE,)]))
    quoted = draw(st.booleans())
    step = draw(st.sampled_from([MINUTE, 3 * HOUR]))
    rows: list[tuple[str, int, int]] = []
    ts = START + 2 * MINUTE
    for _ in range(draw(st.integers(1, 40))):
        ts += step
        rows += [
            (name, ts, BASE[name] + draw(st.integers(-BASE[name] // 20, BASE[name] // 20)))
            for name in names
            if draw(st.integers(0, 3))
        ]
    quotes = [(price - 1, price + draw(st.integers(0, 2))) if quoted else (0, 0) for _, _, price in rows]
    return price_rows(rows or [(BTC, ts, 1000)], quotes if rows else None)


CONFIGS = st.sampled_from(
    [
        settings(),
        settings(drawdown_fraction_max=D("0.003")),
        settings(daily_loss_fraction_max=D("0.002")),
        settings(daily_loss_fraction_max=D("0.001"), drawdown_fraction_max=D("0.002"), on_drawdown="day"),
    ]
)


@hypothesis_settings(max_examples=100, deadline=None)
@given(CONFIGS, BOOKS, batches(), st.data())
def test_a_batch_equals_its_rows_and_any_cut_of_them(
    config: Any, books: list[Any], prices: Prices, data: st.DataObject
) -> None:
    state = holding(config, books)
    rows = len(prices.ts)
    whole = fed(state, config, [prices])
    single = fed(state, config, [cut(prices, row, row + 1) for row in range(rows)])
    at = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), max_size=3))})
    parts = fed(state, config, [cut(prices, start, end) for start, end in pairwise(at)])
    assert whole[0] == single[0] == parts[0]
    assert whole[1] == single[1] == parts[1]
    assert whole[2] == single[2] == parts[2]


@hypothesis_settings(max_examples=100, deadline=None)
@given(CONFIGS, BOOKS, batches())
def test_quiet_rows_bring_nothing_and_the_next_one_does(
    config: Any, books: list[Any], prices: Prices
) -> None:
    state = holding(config, books)
    stage = RiskStage(config, session())
    stage.restore(state)
    before = stage.snapshot()
    quiet = stage.quiet_rows(prices)
    assert stage.snapshot() == before
    assert [*stage.process(cut(prices, 0, quiet)), *stage._settle()] == []
    if quiet < len(prices.ts):
        mark = prices.ts == prices.ts[quiet]
        last = int(np.flatnonzero(mark)[-1]) + 1
        assert [*stage.process(cut(prices, quiet, last)), *stage._settle()] != []


@hypothesis_settings(max_examples=100, deadline=None)
@given(CONFIGS, BOOKS, batches(), st.data())
def test_ranges_of_a_batch_are_like_parts_of_it_and_quiet_where_that_is_said(
    config: Any, books: list[Any], prices: Prices, data: st.DataObject
) -> None:
    rows = len(prices.ts)
    at = sorted({0, rows, *data.draw(st.lists(st.integers(0, rows), max_size=4))})
    state = holding(config, books)
    stage = RiskStage(config, session())
    stage.restore(state)
    outputs: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:  # so that extremes of blocks are asked for in small batches
        patch.setattr(reach, "_SMALL_ROWS", 0)
        patch.setattr(reach, "_BLOCK_ROWS", 4)
        for begin, end in pairwise(at):
            quiet = begin + stage.quiet_rows(prices, begin, end)
            assert list(stage.process_rows(prices, begin, quiet)) == []
            outputs += stage.process_rows(prices, quiet, end)
    stage._settle()
    parts = fed(state, config, [cut(prices, begin, end) for begin, end in pairwise(at)])
    assert (outputs, stage.describe(), stage.snapshot()) == parts


def walk(rows: int, seed: int) -> Prices:
    steps = np.random.Generator(np.random.PCG64(seed)).integers(-3, 4, rows)
    last = 100_000 + np.cumsum(steps)
    ts = START + 2 * MINUTE + MINUTE * np.arange(1, rows + 1)
    zeros = np.zeros(rows, dtype=np.int64)
    index = np.zeros(rows, dtype=np.int32)
    return Prices(
        instruments=(BTC,), scales=(3,), index=index, ts=ts, ts_data=ts, last=last, bid=zeros, ask=zeros
    )


@pytest.mark.parametrize(("direction", "path", "fall"), [("long", (1100, 1050), 5), ("short", (900, 930), 3)])
def test_a_new_peak_inside_a_stretch_is_what_the_drawdown_counts_from(
    direction: str, path: tuple[int, int], fall: int
) -> None:
    state = holding(settings(), [("a", BTC, direction, "1")])
    prices = [1000, 1000, path[0], path[0], path[1], path[1], path[1], path[0], path[0], path[0]]
    rows = [(BTC, START + (3 + number) * MINUTE, price) for number, price in enumerate(prices)]
    _, described, _ = fed(state, settings(), [price_rows(rows)])
    assert described["drawdown_max"] == str(fall)


@pytest.mark.parametrize("direction", ["long", "short"])
def test_days_of_prices_leave_the_same_peak_and_drawdown_as_one_by_one(direction: str) -> None:
    state = holding(settings(), [("a", BTC, direction, "7")])
    prices = walk(5000, 7)
    whole = fed(state, settings(), [prices])
    single = fed(state, settings(), [cut(prices, row, row + 1) for row in range(5000)])
    assert whole[1:] == single[1:]
    assert D(whole[1]["drawdown_max"]) > 0


def test_a_day_that_begins_inside_a_batch_starts_the_daily_loss_again() -> None:
    config = settings(daily_loss_fraction_max=D("0.001"))
    state = holding(config, [("a", BTC, "long", "10")])
    midnight = (START // NS_PER_DAY + 1) * NS_PER_DAY
    # 9 * 10 = 90 lost on either day: never 100 in one, never row by row needed.
    before = [(BTC, midnight - (9 - number) * MINUTE, 1000 - 10 * number) for number in range(10)]
    after = [(BTC, midnight + (1 + number) * MINUTE, 910 - 10 * number) for number in range(10)]
    outputs, described, _ = fed(state, config, [price_rows(before + after)])
    assert outputs == []
    assert described["state"] == "active"


def walks(
    marks: int, step: int, seed: int, names: tuple[str, ...], *, quoted: bool = False, share: float = 0.8
) -> Prices:
    """Prices of several instruments that walk, each at a share of the marks."""
    random = np.random.Generator(np.random.PCG64(seed))
    prices = {name: BASE[name] + np.cumsum(random.integers(-3, 4, marks)) for name in names}
    there = {name: random.random(marks) < share for name in names}
    rows = [
        (name, START + 2 * MINUTE + step * (mark + 1), int(prices[name][mark]))
        for mark in range(marks)
        for name in names
        if there[name][mark]
    ]
    return price_rows(rows, [(price - 1, price + 1) if quoted else (0, 0) for _, _, price in rows])


PAIR = [("a", BTC, "long", "7"), ("a", ETH, "short", "13"), ("b", BTC, "short", "3")]


@pytest.mark.parametrize(
    "positions", [PAIR, [*PAIR, ("b", INVERSE, "long", "2")]], ids=["a running sum", "one of them inverted"]
)
@pytest.mark.parametrize("quoted", [False, True], ids=["last", "quotes"])
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"drawdown_fraction_max": D("0.0004")},
        {"daily_loss_fraction_max": D("0.0002")},
    ],
    ids=["far", "drawdown", "daily loss"],
)
def test_several_holdings_at_once_come_to_what_one_by_one_does(
    positions: list[tuple[str, str, str, str]], quoted: bool, limits: dict[str, Any]
) -> None:
    config = settings(**limits)
    state = holding(config, positions)
    stopped = 0
    for seed in range(3):
        share = (0.8, 0.5, 1.0)[seed]
        prices = walks(300, 20 * MINUTE, seed, (BTC, ETH, INVERSE), quoted=quoted, share=share)
        rows = len(prices.ts)
        whole = fed(state, config, [prices])
        single = fed(state, config, [cut(prices, row, row + 1) for row in range(rows)])
        parts = fed(state, config, [cut(prices, *edges) for edges in pairwise((0, 101, 350, rows))])
        assert whole == single == parts
        stopped += bool(whole[0])
    assert bool(stopped) is bool(limits)


def test_sums_that_no_column_holds_are_taken_one_by_one() -> None:
    state = holding(settings(), [("a", BTC, "long", "70"), ("b", ETH, "short", "13")])
    prices = walks(60, MINUTE, 1, (BTC, ETH))
    fine = replace(prices, scales=tuple(scale + 15 for scale in prices.scales), last=prices.last * 10**15)
    whole = fed(state, settings(), [fine])
    assert whole == fed(state, settings(), [cut(fine, row, row + 1) for row in range(len(fine.ts))])
    assert whole[1] == fed(state, settings(), [prices])[1]
