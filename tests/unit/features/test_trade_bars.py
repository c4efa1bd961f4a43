from fractions import Fraction

import numpy as np
from penstock_contracts.features import FeatureBars
from penstock_contracts.market import Gap
from penstock_contracts.types import NEVER, RowFlag
from penstock_features.bars import TradeBars
from support.features import BTC, ETH, START, S, bar_rows, bars_of, mark, md_bars, price_rows, stage, trades


def emitted(*parts: object) -> list[FeatureBars]:
    return [each for part in parts for each in part if isinstance(each, FeatureBars)]  # type: ignore[attr-defined]


def test_a_bar_covers_its_interval_without_the_start_and_with_the_end() -> None:
    features = stage(bars_of(10 * S))
    features.process(trades([(1, 100, 5), (4 * S, 130, 1), (10 * S, 90, 2), (10 * S + 1, 500, 9)]))
    (bar,) = emitted(features.end_interval(mark(10 * S)))
    assert bar.ts.tolist() == [START + 10 * S]
    rows = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.flags)
    assert [column.tolist() for column in rows] == [[100], [130], [90], [90], [8], [3], [0]]
    # (1.00 * 5 + 1.30 * 1 + 0.90 * 2) / 8
    assert bar.vwap.tolist() == [float(Fraction(810, 800))]
    assert bar.source == "trades"
    assert features.status().next_due == START + 20 * S


def test_an_interval_without_trades_makes_no_bar() -> None:
    features = stage(bars_of(10 * S))
    features.process(trades([(S, 100, 1)]))
    first = features.end_interval(mark(10 * S))
    assert features.status().next_due == NEVER
    quiet = features.end_interval(mark(20 * S, 10 * S))
    features.process(trades([(21 * S, 101, 1)]))
    third = features.end_interval(mark(30 * S, 20 * S))
    assert [bar.ts.tolist() for bar in emitted(first, quiet, third)] == [[START + 10 * S], [START + 30 * S]]


def test_a_late_trade_counts_where_it_arrived_and_flags_that_bar() -> None:
    features = stage(bars_of(10 * S))
    # Stamped by the venue exactly at the bar's start: it belonged to the bar before.
    features.process(trades([(12 * S, 100, 1), (13 * S, 101, 1)], ts_event=[10 * S, 13 * S]))
    features.process(trades([(22 * S, 100, 1)], ts_event=[20 * S + 1]))
    (bars,) = emitted(features.end_interval(mark(30 * S, 0)))
    assert bars.ts.tolist() == [START + 20 * S, START + 30 * S]
    assert bars.flags.tolist() == [RowFlag.LATE, 0]
    assert bars.trades.tolist() == [2, 1]


def test_many_late_trades_are_flagged_as_few_are() -> None:
    rows = [(20 * S + step * S, 100 + step, 1) for step in range(1, 41)]
    late = [row[0] if row[0] != 33 * S else 30 * S for row in rows]
    whole, single = TradeBars(10 * S), TradeBars(10 * S)
    whole.add(trades(rows, ts_event=late))
    for row, event in zip(rows, late, strict=True):
        single.add(trades([row], ts_event=[event]))
    assert whole == single
    assert [bar.flags for bar in whole.bars] == [0, RowFlag.LATE, 0, 0]


def test_a_bar_in_which_the_data_began_or_ended_is_partial() -> None:
    features = stage(bars_of(10 * S), start=START + 5 * S)
    features.process(trades([(6 * S, 100, 1), (16 * S, 100, 1), (22 * S, 100, 1)]))
    first = features.end_interval(mark(25 * S, 5 * S, ended=True))
    last = features.end_interval(mark(30 * S, 25 * S, ended=True))
    flags = [bar.flags.tolist() for bar in emitted(first, last)]
    assert flags == [[RowFlag.PARTIAL, 0], [RowFlag.PARTIAL]]


def test_without_a_configured_start_the_first_interval_says_where_the_data_began() -> None:
    features = stage(bars_of(10 * S), start=0)
    features.process(trades([(6 * S, 100, 1), (16 * S, 100, 1)]))
    (bars,) = emitted(features.end_interval(mark(20 * S, 5 * S)))
    assert bars.flags.tolist() == [RowFlag.PARTIAL, 0]


def gap(instrument: str | None, begin: int, end: int, known: int) -> Gap:
    return Gap(
        instrument=instrument, source="test", ts_init=START + known, ts_from=START + begin, ts_to=START + end,
        reason="lost",
    )  # fmt: skip


def test_a_bar_that_a_gap_reaches_into_is_partial() -> None:
    features = stage(bars_of(10 * S), bars_of(10 * S, key=ETH))
    for key in (BTC, ETH):
        features.process(trades([(S, 1, 1), (11 * S, 1, 1), (21 * S, 1, 1), (31 * S, 1, 1)], key=key))
    features.process(gap(BTC, 13 * S, 20 * S, 20 * S))
    features.process(gap(None, 32 * S, 33 * S, 33 * S))
    bars = bar_rows(features.end_interval(mark(40 * S, 0)))
    flags = {(str(row[0]), int(str(row[2])) - START): row[9] for row in bars}
    partial = sorted(place for place, flag in flags.items() if flag == RowFlag.PARTIAL)
    assert partial == [(BTC, 20 * S), (BTC, 40 * S), (ETH, 40 * S)]


def test_a_gap_that_is_known_after_a_bar_does_not_change_it_in_any_run() -> None:
    features = stage(bars_of(10 * S))
    features.process(trades([(S, 1, 1), (11 * S, 1, 1), (21 * S, 1, 1)]))
    features.process(gap(BTC, 5 * S, 15 * S, 15 * S))
    (bars,) = emitted(features.end_interval(mark(30 * S, 0)))
    assert bars.flags.tolist() == [0, RowFlag.PARTIAL, 0]


def test_batches_of_other_decimals_are_added_exactly() -> None:
    features = stage(bars_of(10 * S))
    features.process(trades([(S, 10, 1)], price_scale=1, size_scale=0))
    features.process(trades([(2 * S, 1234, 1500)], price_scale=3, size_scale=3))
    features.process(trades([(3 * S, 2, 2)], price_scale=0, size_scale=0))
    (bar,) = emitted(features.end_interval(mark(10 * S)))
    assert (bar.price_scale, bar.size_scale) == (3, 3)
    assert [column.tolist() for column in (bar.open, bar.high, bar.close, bar.volume)] == [
        [1000], [2000], [2000], [4500],
    ]  # fmt: skip
    assert bar.vwap.tolist() == [float(Fraction(1000 * 1000 + 1234 * 1500 + 2000 * 2000, 4500 * 1000))]


def test_turnover_beyond_64_bits_stays_exact() -> None:
    rows = [(step, 5_000_000_000 + step, 10**13 + step) for step in range(1, 101)]
    bars = TradeBars(10 * S)
    bars.add(trades(rows))
    assert bars.bars[0].turnover == sum(price * size for _, price, size in rows) > 2**63


def test_an_instrument_whose_bars_come_from_the_source_builds_none_from_trades() -> None:
    features = stage(bars_of(60 * S))
    passed = features.process(md_bars([(1, 1, 2, 1, 2, 5)]))
    features.process(trades([(61 * S, 9, 9)]))
    after = features.end_interval(mark(120 * S, 0))
    assert [bar.source for bar in emitted(passed, after)] == ["bars"]
    assert [row[0] for row in price_rows(after)] == [60 * S, 61 * S]
    assert features.describe()["fed_by"] == {BTC: "bars"}


def test_flags_of_trades_are_kept_on_their_bar() -> None:
    batch = trades([(S, 100, 1), (2 * S, 100, 1)])
    batch.flags[1:] = np.int8(RowFlag.OFF_TICK)
    features = stage(bars_of(10 * S))
    features.process(batch)
    (bar,) = emitted(features.end_interval(mark(10 * S)))
    assert bar.flags.tolist() == [RowFlag.OFF_TICK]
