import numpy as np
import pytest
from penstock_contracts.types import RowFlag
from support.features import BTC, MINUTE, START, S, bar_rows, bars_of, feature, mark, md_bars, stage

FIVE = 5 * MINUTE


def rows(*numbers: int) -> list[tuple[int, int, int, int, int, int]]:
    """Minute bars that end at these numbers: open 10n, high 10n + 5, low 10n - 5, close 10n + 1, volume n."""
    return [(n, 10 * n, 10 * n + 5, 10 * n - 5, 10 * n + 1, n) for n in numbers]


def five_minutes(messages: object) -> list[tuple[object, ...]]:
    return [row[1:] for row in bar_rows(messages) if row[1] == FIVE]  # type: ignore[arg-type]


def test_bars_of_the_same_interval_are_passed_on_with_features_at_once() -> None:
    features = stage(bars_of(MINUTE, feature("sma", period=2)), grid=MINUTE)
    batch = md_bars(rows(1, 2, 3), vwap=[1.0, 2.0, 3.0])
    (message,) = features.process(batch)
    assert message.source == "bars"
    assert message.names == ("sma_2",)
    assert message.ts.tolist() == batch.ts_event.tolist()
    assert message.close.tolist() == [11, 21, 31]
    assert message.vwap.tolist() == [1.0, 2.0, 3.0]
    assert [repr(value) for value in message.values[:, 0].tolist()] == ["nan", "0.16", "0.26"]
    assert bar_rows(features.end_interval(mark(3 * MINUTE, 0))) == []


def offset() -> int:
    """Minutes from START to the next five-minute boundary."""
    return (-(-START // FIVE) * FIVE - START) // MINUTE


def test_larger_bars_are_made_of_the_sources_bars_and_come_with_the_last_of_them() -> None:
    first = offset() + 1
    features = stage(bars_of(FIVE), grid=MINUTE)
    assert features.process(md_bars(rows(*range(first, first + 4)))) == []
    (message,) = features.process(md_bars(rows(first + 4), vwap=[0.5]))
    ((_, ts, opened, high, low, close, volume, trades, flags, vwap),) = five_minutes([message])
    assert ts == START + (first + 4) * MINUTE
    assert (opened, high, low, close) == (
        10 * first,
        10 * (first + 4) + 5,
        10 * first - 5,
        10 * (first + 4) + 1,
    )
    assert (volume, trades, flags, vwap) == (sum(range(first, first + 5)), 15, 0, "nan")


def test_the_volume_weighted_price_of_larger_bars_is_weighted_by_volume() -> None:
    first = offset() + 1
    features = stage(bars_of(FIVE), grid=MINUTE)
    numbers = range(first, first + 5)
    (message,) = features.process(md_bars(rows(*numbers), vwap=[float(n) for n in numbers]))
    expected = sum(n * n for n in numbers) / sum(numbers)
    assert message.vwap[0] == pytest.approx(expected, rel=1e-15)


def test_a_larger_bar_is_partial_when_a_part_is_missing() -> None:
    first = offset() + 1
    features = stage(bars_of(FIVE), grid=MINUTE)
    (message,) = features.process(md_bars(rows(first, first + 4)))
    assert message.flags.tolist() == [RowFlag.PARTIAL]


def test_a_larger_bar_whose_last_part_is_missing_comes_with_the_next_bar() -> None:
    first = offset() + 1
    features = stage(bars_of(FIVE), bars_of(MINUTE), grid=MINUTE)
    messages = features.process(md_bars(rows(first, first + 1, first + 6)))
    shown = [(row[1], (int(str(row[2])) - START) // MINUTE) for row in bar_rows(messages)]
    assert shown == [(MINUTE, first), (MINUTE, first + 1), (FIVE, first + 4), (MINUTE, first + 6)]


def test_or_a_parts_time_after_its_end_when_no_bar_comes() -> None:
    first = offset() + 1
    features = stage(bars_of(FIVE), grid=MINUTE)
    features.process(md_bars(rows(first)))
    features.end_interval(mark(first * MINUTE, 0))
    assert features.status().next_due == START + (first + 5) * MINUTE
    assert bar_rows(features.end_interval(mark((first + 4) * MINUTE, first * MINUTE))) == []
    (row,) = bar_rows(features.end_interval(mark((first + 5) * MINUTE, (first + 4) * MINUTE)))
    assert row[2] == START + (first + 4) * MINUTE
    assert row[9] == RowFlag.PARTIAL


def test_a_part_that_comes_after_its_bar_was_put_out_counts_in_the_next_as_late() -> None:
    first = offset() + 1
    features = stage(bars_of(FIVE), grid=MINUTE)
    features.process(md_bars(rows(first)))
    features.end_interval(mark((first + 5) * MINUTE, 0))
    features.process(md_bars(rows(first + 4), delay=90 * S))
    ((*_, ts, _o, _h, _l, _c, _v, _t, flags, _w),) = bar_rows(features.process(md_bars(rows(first + 9))))
    assert ts == START + (first + 9) * MINUTE
    assert flags == RowFlag.LATE | RowFlag.PARTIAL


def test_a_bar_that_arrives_when_the_next_is_over_is_late() -> None:
    features = stage(bars_of(MINUTE), grid=S)
    (message,) = features.process(md_bars(rows(1), delay=MINUTE))
    assert message.flags.tolist() == [RowFlag.LATE]
    (message,) = features.process(md_bars(rows(3), delay=MINUTE - 1))
    assert message.flags.tolist() == [0]


def test_bars_that_cannot_make_what_is_declared_stop_with_a_clear_error() -> None:
    features = stage(bars_of(MINUTE), grid=MINUTE)
    with pytest.raises(ValueError, match=f"{BTC}: bars of {MINUTE} ns cannot be made of bars of {FIVE} ns"):
        features.process(md_bars([(1, 1, 1, 1, 1, 1)], interval=FIVE))


@pytest.mark.parametrize("cut", range(13))
def test_the_order_of_bars_of_two_intervals_does_not_depend_on_the_cut(cut: int) -> None:
    numbers = list(range(1, 13))
    whole = stage(
        bars_of(MINUTE, feature("ema", period=3)), bars_of(FIVE, feature("sma", period=2)), grid=MINUTE
    )
    pieces = stage(
        bars_of(MINUTE, feature("ema", period=3)), bars_of(FIVE, feature("sma", period=2)), grid=MINUTE
    )
    expected = bar_rows(whole.process(md_bars(rows(*numbers))))
    found = [*pieces.process(md_bars(rows(*numbers[:cut]))), *pieces.process(md_bars(rows(*numbers[cut:])))]
    assert bar_rows(found) == expected
    assert len({row[1] for row in expected}) == 2
    assert np.array_equal([row[2] for row in expected], sorted(row[2] for row in expected))  # type: ignore[type-var]
