import math
from itertools import pairwise

import numpy as np
import pytest
import talib
from penstock_features import config
from penstock_features.registry import Indicator, Rows, build
from penstock_kernel.declarations import FeatureSpec

assert config  # it imports every module of features


def make(function: str, **parameters: int | float) -> Indicator:
    return build(FeatureSpec(name="x", function=function, parameters=parameters), "bar")


def closes(values: list[float]) -> Rows:
    return Rows(values, values, values, values, exact=[round(value * 10) for value in values], unit=10)


def walk(count: int, seed: int = 7) -> Rows:
    generator = np.random.Generator(np.random.PCG64(seed))
    close = np.round(40_000 + np.cumsum(generator.normal(0, 25, count)), 1)
    opened = np.concatenate((close[:1], close[:-1]))
    high = np.maximum(opened, close) + np.round(generator.uniform(0, 20, count), 1)
    low = np.minimum(opened, close) - np.round(generator.uniform(0, 20, count), 1)
    exact = [round(value * 10) for value in close.tolist()]
    return Rows(opened.tolist(), high.tolist(), low.tolist(), close.tolist(), exact=exact, unit=10)


def part(rows: Rows, begin: int, end: int | None = None) -> Rows:
    return Rows(*(column if type(column) is int else column[begin:end] for column in rows))


def agree(ours: list[float], theirs: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(np.array(ours), theirs, rtol=tolerance, atol=0, equal_nan=True)


# TA-Lib keeps running sums: its rounding errors grow with the history. Ours are within a bit or two of
# the exact value of each window, so the tolerances are TA-Lib's: 1e-12 relative, and for the deviation,
# where it subtracts the square of the mean from the mean of the squares, 1e-5.


@pytest.mark.parametrize("period", [1, 2, 5, 20, 200])
def test_sma_agrees_with_talib(period: int) -> None:
    rows = walk(1000)
    theirs = talib.SMA(np.array(rows.close), period) if period > 1 else np.array(rows.close)
    agree(make("sma", period=period).column(rows), theirs, 1e-12)


@pytest.mark.parametrize("period", [2, 5, 20, 200])
def test_ema_agrees_with_talib(period: int) -> None:
    rows = walk(1000)
    agree(make("ema", period=period).column(rows), talib.EMA(np.array(rows.close), period), 1e-12)


@pytest.mark.parametrize("period", [2, 14, 100])
def test_atr_agrees_with_talib(period: int) -> None:
    rows = walk(1000)
    theirs = talib.ATR(np.array(rows.high), np.array(rows.low), np.array(rows.close), period)
    agree(make("atr", period=period).column(rows), theirs, 1e-12)


@pytest.mark.parametrize("period", [2, 20, 100])
def test_deviation_agrees_with_talib(period: int) -> None:
    rows = walk(1000)
    agree(make("deviation", period=period).column(rows), talib.STDDEV(np.array(rows.close), period), 1e-5)


@pytest.mark.parametrize("period", [1, 10])
def test_return_agrees_with_talib(period: int) -> None:
    rows = walk(1000)
    agree(make("return", period=period).column(rows), talib.ROCP(np.array(rows.close), period), 1e-12)


@pytest.mark.parametrize("period", [1, 10])
def test_log_return_is_the_logarithm_of_talibs_ratio(period: int) -> None:
    rows = walk(1000)
    theirs = np.log(talib.ROCR(np.array(rows.close), period))
    np.testing.assert_allclose(
        np.array(make("log_return", period=period).column(rows)), theirs, rtol=0, atol=1e-15, equal_nan=True
    )


@pytest.mark.parametrize("period", [2, 20])
def test_volatility_is_talibs_deviation_of_returns_as_of_a_sample(period: int) -> None:
    rows = walk(1000)
    returns = np.array([later / earlier - 1 for earlier, later in pairwise(rows.close)])
    theirs = talib.STDDEV(returns, period) * math.sqrt(period / (period - 1))
    agree(make("volatility", period=period).column(rows)[1:], theirs, 1e-6)


def test_values_worked_by_hand() -> None:
    rows = closes([10.0, 11.0, 13.0, 12.0])
    nan = "nan"

    def texts(function: str, **parameters: int) -> list[str]:
        return [repr(value) for value in make(function, **parameters).column(rows)]

    assert texts("return", period=2) == [nan, nan, "0.3", repr(1 / 11)]
    assert texts("log_return", period=1)[:2] == [nan, repr(math.log(1.1))]
    assert texts("sma", period=2) == [nan, "10.5", "12.0", "12.5"]
    # Seed (10 + 11) / 2 = 10.5, weight 2/3: 10.5 + 2.5 * 2/3, then towards 12.
    assert texts("ema", period=2)[1] == "10.5"
    assert float(texts("ema", period=2)[2]) == pytest.approx(12 + 1 / 6, rel=1e-15)
    # Of 11 and 13: mean 12, deviations 1.
    assert texts("deviation", period=2) == [nan, "0.5", "1.0", "0.5"]
    # Returns 0.1 and 2/11; sample deviation of two values is half their distance times root 2.
    assert float(texts("volatility", period=2)[2]) == pytest.approx((2 / 11 - 0.1) / math.sqrt(2), rel=1e-14)


def test_the_true_range_reaches_to_the_close_before() -> None:
    close = [10.0, 14.0, 11.0, 12.0]
    rows = Rows(
        close, [12.0, 15.0, 14.0, 13.0], [8.0, 14.0, 10.0, 12.0], close, exact=[10, 14, 11, 12], unit=1
    )
    # Ranges: 15 - 10 = 5, 14 - 10 = 4, 13 - 11 = 2; mean of the first two 4.5, then (4.5 + 2) / 2.
    assert [repr(value) for value in make("atr", period=2).column(rows)] == ["nan", "nan", "4.5", "3.25"]


@pytest.mark.parametrize("function", ["sma", "deviation"])
def test_rows_of_other_decimals_give_the_same_bits(function: str) -> None:
    rows = walk(60)
    finer = Rows(*rows[:4], exact=[close * 1000 for close in rows.exact], unit=rows.unit * 1000)
    mixed, plain = make(function, period=7), make(function, period=7).column(rows)
    pieces = (
        mixed.column(part(rows, 0, 20)) + mixed.column(part(finer, 20, 40)) + mixed.column(part(rows, 40))
    )
    assert [value.hex() for value in pieces] == [value.hex() for value in plain]


def test_a_price_that_stands_still_has_no_deviation_and_no_volatility() -> None:
    rows = closes([0.1] * 50)
    assert make("deviation", period=10).column(rows)[-1] == 0.0
    assert make("volatility", period=10).column(rows)[-1] == 0.0


@pytest.mark.parametrize("function", ["sma", "deviation", "return", "log_return", "volatility"])
def test_a_window_depends_on_its_rows_and_not_on_where_history_began(function: str) -> None:
    rows = walk(300)
    late = part(rows, 200)
    whole = make(function, period=20).column(rows)[-1]
    assert make(function, period=20).column(late)[-1].hex() == whole.hex()
