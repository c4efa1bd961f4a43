"""MACD, RSI, Bollinger bands, VWAP, imbalances, features of two instruments, the regime."""

import math
from dataclasses import asdict, is_dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_features import config
from penstock_features.registry import FeatureType, Indicator, Rows, adapter, build, feature_types
from penstock_kernel.declarations import FeatureSpec

assert config  # it imports every module of features

OTHER = "eth-usdt.test"


def spec_of(function: str, **parameters: int | float) -> FeatureSpec:
    (entry,) = [each for each in feature_types() if each.name == function]
    other = OTHER if "other" in entry.inputs else None
    return FeatureSpec(name="x", function=function, parameters=parameters, other=other)


def make(function: str, **parameters: int | float) -> Indicator:
    (entry,) = [each for each in feature_types() if each.name == function]
    return build(spec_of(function, **parameters), entry.on[0])


def walk(count: int, seed: int = 7) -> Rows:
    """Rows with every input, prices of one decimal; now and then nothing moves or nothing is known."""
    generator = np.random.Generator(np.random.PCG64(seed))
    moves = generator.normal(0, 25, count) * (generator.uniform(0, 1, count) > 0.2)
    close = np.round(40_000 + np.cumsum(moves), 1)
    high, low = close + np.round(generator.uniform(0, 20, count), 1), close - 7.5
    other = np.round(2_000 + np.cumsum(moves * 0.05 + generator.normal(0, 1, count)), 2)
    other[:3] = np.nan
    sizes = np.round(generator.uniform(0, 3, (3, count)), 3) * (generator.uniform(0, 1, (3, count)) > 0.1)
    return Rows(
        close.tolist(), high.tolist(), low.tolist(), close.tolist(),
        exact=[round(value * 10) for value in close.tolist()], unit=10,
        size=sizes[0].tolist(), weight_price=((high + low + close) / 3).tolist(),
        side=generator.integers(-1, 2, count).tolist(),
        bid=(close - 0.5).tolist(), ask=(close + 0.5).tolist(),
        bid_size=sizes[1].tolist(), ask_size=sizes[2].tolist(), other=other.tolist(),
    )  # fmt: skip


def part(rows: Rows, begin: int, end: int | None = None) -> Rows:
    return Rows(*(column if isinstance(column, int) else column[begin:end] for column in rows))


def agree(ours: list[float], theirs: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(np.array(ours), theirs, rtol=tolerance, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize(("fast", "slow", "signal"), [(12, 26, 9), (2, 3, 2), (5, 60, 20)])
def test_macd_agrees_with_talib(fast: int, slow: int, signal: int) -> None:
    rows = walk(600)
    theirs = talib.MACD(np.array(rows.close), fast, slow, signal)
    first = slow + signal - 2  # before it TA-Lib gives nothing at all
    for function, column in zip(("macd", "macd_signal", "macd_histogram"), theirs, strict=True):
        ours = make(function, fast=fast, slow=slow, signal=signal).column(rows)
        agree(ours[first:], column[first:], 1e-9)
        warm = slow - 1 if function == "macd" else first
        assert [math.isnan(value) for value in ours] == [row < warm for row in range(600)]


@pytest.mark.parametrize("period", [2, 14, 100])
def test_rsi_agrees_with_talib(period: int) -> None:
    rows = walk(600)
    agree(make("rsi", period=period).column(rows), talib.RSI(np.array(rows.close), period), 1e-12)


def test_rsi_of_a_price_that_stands_still_is_in_the_middle() -> None:
    rows = Rows([5.0] * 4, [5.0] * 4, [5.0] * 4, [5.0] * 4, exact=[5] * 4, unit=1)
    assert make("rsi", period=2).column(rows)[2:] == [50.0, 50.0]


@pytest.mark.parametrize(("period", "width"), [(20, 2.0), (2, 1.5), (100, 3.0)])
def test_bollinger_bands_agree_with_talib(period: int, width: float) -> None:
    rows = walk(600)
    upper, _, lower = talib.BBANDS(np.array(rows.close), period, width, width)
    ours_upper = make("bollinger_upper", period=period, width=width).column(rows)
    ours_lower = make("bollinger_lower", period=period, width=width).column(rows)
    # Relative to a price of 40,000: TA-Lib subtracts large squares.
    agree(ours_upper, upper, 1e-8)
    agree(ours_lower, lower, 1e-8)
    position = make("bollinger_position", period=period, width=width).column(rows)
    for close, value, high, low in zip(rows.close, position, ours_upper, ours_lower, strict=True):
        if not math.isnan(value):
            assert value == pytest.approx((close - low) / (high - low), abs=1e-6)


@pytest.mark.parametrize("period", [3, 20, 100])
def test_correlation_and_beta_agree_with_talib(period: int) -> None:
    generator = np.random.Generator(np.random.PCG64(3))
    moves = generator.normal(0, 0.01, (2, 400))
    own = 100 * np.cumprod(1 + moves[0] + 0.5 * moves[1])
    other = 50 * np.cumprod(1 + moves[1])
    flat = own.tolist()
    rows = Rows(flat, flat, flat, flat, exact=[0] * 400, unit=1, other=other.tolist())
    returns = [np.array([later / earlier - 1 for earlier, later in pairwise(each)]) for each in (own, other)]
    ours = make("correlation", period=period).column(rows)
    np.testing.assert_allclose(ours[1:], talib.CORREL(*returns, period), rtol=1e-6, atol=1e-9)
    # TA-Lib's beta makes the returns itself, of its second series on its first.
    beta = make("beta", period=period).column(rows)
    np.testing.assert_allclose(beta, talib.BETA(other, own, period), rtol=1e-6, atol=1e-9)


def test_values_worked_by_hand() -> None:
    def row(values: list[float], **inputs: list[Any]) -> Rows:
        exact = [round(value * 10) for value in values]
        return Rows(values, values, values, values, exact=exact, unit=10, **inputs)

    # (10 * 1 + 12 * 3) / 4, then (12 * 3 + 11 * 0) / 3
    prices = [10.0, 12.0, 11.0]
    vwap = make("vwap", period=2).column(row(prices, size=[1.0, 3.0, 0.0], weight_price=prices))
    assert repr(vwap) == "[nan, 11.5, 12.0]"
    # 0.2 of a middle of 100.1
    assert make("spread_bps").column(row([100.1], bid=[100.0], ask=[100.2])) == [
        pytest.approx(0.2 / 100.1 * 10_000, rel=1e-12)
    ]
    # (3 - 1) / 4 = 0.5; a quote without sizes does not count; (1 - 1) / 2 = 0; (0.5 + 0) / 2
    imbalance = make("book_imbalance", period=2).column(
        row([1.0] * 3, bid_size=[3.0, 0.0, 1.0], ask_size=[1.0, 2.0, 1.0])
    )
    assert repr(imbalance) == "[nan, nan, 0.25]"
    # 2 bought and 1 sold of 3; then 1 sold and 4 sold, the unknown one between them left out
    flow = make("flow_imbalance", period=2).column(
        row([1.0] * 4, size=[2.0, 1.0, 9.0, 4.0], side=[1, -1, 0, -1])
    )
    assert repr(flow) == "[nan, 0.3333333333333333, 0.3333333333333333, -1.0]"
    # ln(2 / 1) and ln(4 / 1) = 2 ln 2: one deviation above their mean.
    z = make("ratio_z", period=2).column(row([2.0, 4.0], other=[1.0, 1.0]))
    assert z[1] == pytest.approx(1.0, rel=1e-12)


def test_a_ratio_that_stands_still_and_a_market_without_movement_have_no_value() -> None:
    still = Rows([2.0] * 9, [2.0] * 9, [2.0] * 9, [2.0] * 9, exact=[2] * 9, unit=1, other=[1.0] * 9)
    for function, period in (("ratio_z", 2), ("correlation", 3), ("beta", 3)):
        assert math.isnan(make(function, period=period).column(still)[-1])


def regimes(closes: list[int], period: int = 2) -> list[float]:
    flat = [float(close) for close in closes]
    rows = Rows(flat, flat, flat, flat, exact=closes, unit=1)
    return make("regime", period=period, trend=0.5, volatile=2.0).column(rows)


def test_the_regime_is_trend_range_or_volatile() -> None:
    # Ten changes of 1, up and down: no net movement.
    zigzag = [100 + number % 2 for number in range(11)]
    assert regimes(zigzag)[-1] == 0.0
    # Two steps up of the usual size: all of the path is movement.
    assert regimes([*zigzag, 101, 102])[-1] == 1.0
    # A change of 20 where 1 is usual: path of two bars 21, usual (8 + 21) / 5.
    assert regimes([*zigzag, 120])[-1] == 2.0
    assert all(math.isnan(value) for value in regimes(zigzag)[:10])
    assert regimes([100] * 11)[-1] == 0.0


def test_decimals_do_not_change_the_bits() -> None:
    rows = walk(60)
    finer = rows._replace(exact=[close * 1000 for close in rows.exact], unit=10_000)
    for function, parameters in (
        ("regime", {"period": 3, "trend": 0.3, "volatile": 1.5}),
        ("bollinger_upper", {"period": 7, "width": 2.0}),
    ):
        mixed = make(function, **parameters)
        pieces = [*mixed.column(part(rows, 0, 25)), *mixed.column(part(finer, 25, 40))]
        pieces += mixed.column(part(rows, 40))
        whole = make(function, **parameters).column(rows)
        assert [value.hex() for value in pieces] == [value.hex() for value in whole]


def valid(entry: FeatureType, period: int) -> dict[str, int | float]:
    """Parameters near `period`, whatever the feature calls them."""
    known: dict[str, int | float] = {"fast": period, "slow": period + 3, "signal": 2, "width": 1.5}
    known |= {"trend": 0.4, "volatile": 1.2, "period": period}
    return {name: known[name] for name in entry.bounds}


@pytest.mark.parametrize("function", [each.name for each in feature_types()])
@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 60), max_size=8), period=st.integers(3, 11))
def test_a_column_gives_the_same_bits_however_it_is_cut_saved_and_restored(
    function: str, cuts: list[int], period: int
) -> None:
    (entry,) = [each for each in feature_types() if each.name == function]
    spec = spec_of(function, **valid(entry, period))
    rows = walk(60)
    whole = build(spec, entry.on[0]).column(rows)
    assert any(not math.isnan(value) for value in whole)
    indicator, pieces = build(spec, entry.on[0]), []
    for begin, end in pairwise([0, *sorted(cuts), 60]):
        pieces += indicator.column(part(rows, begin, end))
        indicator = adapter(spec).validate_json(adapter(spec).dump_json(indicator))
    assert [value.hex() for value in pieces] == [value.hex() for value in whole]


@pytest.mark.parametrize("function", [each.name for each in feature_types()])
def test_a_features_state_does_not_grow_with_its_history(function: str) -> None:
    (entry,) = [each for each in feature_types() if each.name == function]

    def kept(count: int) -> int:
        indicator = make(function, **valid(entry, 5))
        indicator.column(walk(count))
        assert is_dataclass(indicator)
        return sum(len(value) for value in asdict(indicator).values() if isinstance(value, list))

    assert kept(600) == kept(120)


@pytest.mark.parametrize(
    ("spec", "on", "message"),
    [
        (
            FeatureSpec(name="x", function="macd", parameters={"fast": 9, "slow": 9, "signal": 3}), "bar",
            "fast must be below slow",
        ),
        (FeatureSpec(name="x", function="spread_bps"), "bar", "spread_bps needs quotes"),
        (FeatureSpec(name="x", function="beta", parameters={"period": 5}), "bar", "needs another instrument"),
        (
            FeatureSpec(name="x", function="rsi", parameters={"period": 5}, other=OTHER), "bar",
            "takes no other instrument",
        ),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_says_why(spec: FeatureSpec, on: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(spec, on)
