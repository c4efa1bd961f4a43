from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.market import InstrumentDefined, InstrumentStatus, Liquidation, Rate
from penstock_contracts.types import MarketStatus, Side
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.declarations import FeatureSpec, RowSpec
from penstock_kernel.grid import grid_at_or_after
from pydantic import ValidationError
from support.features import (
    BTC,
    ETH,
    START,
    S,
    bar_rows,
    bars_of,
    feature,
    feature_rows,
    instrument,
    mark,
    md_bars,
    price_rows,
    quotes,
    session,
    stage,
    trades,
)  # fmt: skip

SPECS = (
    bars_of(2 * S, feature("ema", period=3), feature("atr", period=2), feature("volatility", period=2)),
    bars_of(5 * S, feature("sma", period=2), feature("return", period=1)),
    bars_of(2 * S, feature("deviation", period=2), key=ETH),
    RowSpec(instrument=BTC, trigger="trade", features=(feature("sma", period=3), feature("ema", period=2))),
    RowSpec(instrument=ETH, trigger="quote", features=(feature("log_return", period=2),)),
)
"""Two intervals of one instrument, and another instrument."""

Row = tuple[str, str, int, int, int]
"""(instrument, kind, time after START, price or bid, size or ask)"""


@st.composite
def market(draw: st.DrawFn) -> list[Row]:
    """Rows in the order of time; two instruments, trades and quotes."""
    rows = []
    now = 0
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0, 1, S // 3, S, 2 * S, 7 * S]))
        price = draw(st.integers(90, 110))
        kind = draw(st.sampled_from(["trade", "trade", "quote"]))
        key = draw(st.sampled_from([BTC, ETH]))
        rows.append(
            (key, kind, max(now, 1), price, price + 1 if kind == "quote" else draw(st.integers(1, 9)))
        )
    return rows


def batches(rows: list[Row], cuts: set[int]) -> list[Message]:
    """One interval's rows, instrument by instrument and kind by kind, cut after the rows in `cuts`."""
    messages: list[Message] = []
    for (key, kind), group in groupby(sorted(rows, key=lambda row: row[:2]), key=lambda row: row[:2]):
        part: list[tuple[int, int, int]] = []
        for number, row in enumerate(listed := list(group)):
            part.append(row[2:])
            if number in cuts or number == len(listed) - 1:
                messages.append(trades(part, key=key) if kind == "trade" else quotes(part, key=key))
                part = []
    return messages


def run(
    features: FeaturesStage, rows: list[Row], marks: list[int], cuts: set[int], *, restart: bool = False
) -> list[Message]:
    """Feed the rows in intervals that end at the marks; with `restart` go on from a snapshot at each step."""
    outputs: list[Message] = []
    begin = 0
    for end in marks:
        for message in batches([row for row in rows if begin < row[2] <= end], cuts):
            outputs += features.process(message)
            if restart:
                saved = features.snapshot()
                features = stage(*SPECS)
                features.restore(saved)
                assert features.snapshot() == saved
        outputs += features.end_interval(mark(end, begin))
        begin = end
    return outputs


def contents(outputs: list[Message]) -> tuple[list[object], ...]:
    return bar_rows(outputs), price_rows(outputs), sorted(feature_rows(outputs))  # type: ignore[return-value]


def every_second(rows: list[Row]) -> list[int]:
    last = grid_at_or_after(rows[-1][2], S) + 10 * S
    return list(range(S, last + 1, S))


@given(rows=market(), cuts=st.sets(st.integers(0, 20)))
def test_outputs_do_not_depend_on_how_batches_are_cut(rows: list[Row], cuts: set[int]) -> None:
    marks = every_second(rows)
    assert contents(run(stage(*SPECS), rows, marks, cuts)) == contents(run(stage(*SPECS), rows, marks, set()))


@given(rows=market(), data=st.data())
def test_outputs_do_not_depend_on_which_intervals_are_presented_as_one(
    rows: list[Row], data: st.DataObject
) -> None:
    marks = every_second(rows)
    kept = data.draw(st.sets(st.sampled_from(marks)))
    runs = [each for each in marks if each in kept or each == marks[-1]]
    assert contents(run(stage(*SPECS), rows, runs, set())) == contents(run(stage(*SPECS), rows, marks, set()))


@settings(max_examples=40)
@given(rows=market(), cuts=st.sets(st.integers(0, 20)), long=st.booleans())
def test_a_restart_at_any_point_continues_identically(rows: list[Row], cuts: set[int], long: bool) -> None:
    marks = every_second(rows)
    marks = marks[-1:] if long else marks
    restarted = contents(run(stage(*SPECS), rows, marks, cuts, restart=True))
    assert restarted == contents(run(stage(*SPECS), rows, marks, cuts))


def test_the_price_of_a_mark_is_the_last_row_up_to_it() -> None:
    features = stage()
    features.process(quotes([(1, 90, 92), (3 * S, 94, 96)]))
    features.process(trades([(S, 91, 1), (S + 1, 93, 1), (2 * S, 95, 1)]))
    features.process(trades([(S // 2, 7, 1)], key=ETH, price_scale=0))
    shown = [
        (str(row[1]), row[0], row[2], *map(str, row[3:]))
        for row in price_rows(features.end_interval(mark(3 * S, 0)))
    ]
    assert shown == [
        (BTC, S, S, "0.91", "0.9", "0.92"),
        (ETH, S, S // 2, "7", "0", "0"),
        (BTC, 2 * S, 2 * S, "0.95", "0.9", "0.92"),
        (BTC, 3 * S, 3 * S, "0.95", "0.94", "0.96"),
    ]


def test_a_mark_without_data_has_no_prices() -> None:
    features = stage()
    features.process(trades([(1, 91, 1)]))
    assert len(features.end_interval(mark(S))) == 1
    assert features.end_interval(mark(2 * S)) == []


def test_the_middle_of_a_quote_is_exact() -> None:
    features = stage(RowSpec(instrument=BTC, trigger="quote", features=(feature("sma", period=1),)))
    (message,) = features.process(quotes([(1, 90, 91)]))
    assert (message.price.tolist(), message.price_scale, message.values.tolist()) == ([905], 3, [[0.905]])
    assert message.side.tolist() == [0]
    assert message.size.tolist() == [2]


def test_instruments_status_and_rates_are_passed_on_and_the_rest_is_not() -> None:
    features = stage()
    defined = InstrumentDefined(instrument=instrument(), ts_event=1, ts_init=1)
    status = InstrumentStatus(instrument=BTC, ts_event=1, ts_init=1, status=MarketStatus.HALTED)
    rate = Rate(base="EUR", quote="USDT", source="test", ts_event=1, ts_init=1, rate=instrument().fee_taker)
    assert [features.process(each) for each in (defined, status, rate)] == [(defined,), (status,), (rate,)]
    other = Liquidation(
        instrument=BTC, source="test", ts_event=1, ts_init=1, side=Side.BUY, price=instrument().fee_taker,
        quantity=instrument().fee_taker,
    )  # fmt: skip
    assert features.process(other) == ()


def test_data_of_an_interval_that_is_over_is_an_error() -> None:
    features = stage()
    features.end_interval(mark(S))
    with pytest.raises(ValueError, match="after the mark"):
        features.process(trades([(S, 1, 1)]))


def test_an_empty_batch_says_nothing() -> None:
    assert stage(*SPECS).process(trades([])) == ()


def test_an_interval_that_is_no_multiple_of_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of the marks' grid"):
        stage(bars_of(S + 1))


def test_a_snapshot_of_another_feature_set_is_refused() -> None:
    saved = stage(bars_of(2 * S)).snapshot()
    with pytest.raises(ValueError, match="a snapshot of feature set"):
        stage(bars_of(3 * S)).restore(saved)
    with pytest.raises(ValueError, match="not a snapshot of features"):
        stage(bars_of(3 * S)).restore(b"{}")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (FeatureSpec(name="x", function="emma"), "unknown feature 'emma' .did you mean ema"),
        (FeatureSpec(name="x", function="ema"), "period must be an integer from 1 to 10000, not missing"),
        (FeatureSpec(name="x", function="ema", parameters={"period": 0}), "from 1 to 10000, not 0"),
        (
            FeatureSpec(name="x", function="ema", parameters={"period": 2.5}),
            "an integer from 1 to 10000, not 2.5",
        ),
        (FeatureSpec(name="x", function="sma", parameters={"period": 2, "p": 1}), "no parameter 'p'"),
    ],
)
def test_a_wrong_declaration_is_named(spec: FeatureSpec, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FeaturesConfig(bars=(bars_of(S, spec),))


def test_a_feature_of_bars_is_refused_on_trades() -> None:
    with pytest.raises(ValidationError, match="atr needs bars"):
        FeaturesConfig(rows=(RowSpec(instrument=BTC, trigger="trade", features=(feature("atr", period=2),)),))


def test_the_version_of_a_feature_set_is_a_function_of_what_is_declared() -> None:
    one, same, other = (FeaturesConfig.of((bars_of(interval),), ()).set_version for interval in (S, S, 2 * S))
    assert one == same != other


def test_bars_are_counted() -> None:
    features = FeaturesStage(FeaturesConfig.of((bars_of(60 * S),), ()), session())
    features.process(md_bars([(1, 1, 1, 1, 1, 1), (2, 1, 1, 1, 1, 1)]))
    assert features.describe()["bars"] == 2
    assert START % 60 == 0
    assert np.int64(START) == START
