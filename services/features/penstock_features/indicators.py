"""The features: recurrences whose values depend on the rows alone, never on how they were cut.

Only operations that give the same bits everywhere are used: exact integers, + - * / in a fixed order,
`math.sqrt` and `math.fsum`, which are correctly rounded, and for log returns `math.log`. A window's value
depends on the rows of its window and not on where history began.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import fsum, log, nan, sqrt

from penstock_features.registry import Rows, feature

PERIOD = (1, 10_000)
PERIOD_2 = (2, 10_000)


def _tail(series: list[float], count: int) -> list[float]:
    return series[max(0, len(series) - count) :]


@feature("return", period=PERIOD)
@dataclass(slots=True)
class Return:
    """Simple return over `period` rows: (close - earlier) / earlier. Warms up for `period` rows."""

    period: int
    window: list[float] = field(default_factory=list)

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        series, lag = self.window + rows.close, self.period
        self.window = _tail(series, lag)
        return _lagged(series, lag, len(rows.close), _simple)


@feature("log_return", period=PERIOD)
@dataclass(slots=True)
class LogReturn:
    """Logarithmic return over `period` rows: ln(close / earlier). Warms up for `period` rows."""

    period: int
    window: list[float] = field(default_factory=list)

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        series, lag = self.window + rows.close, self.period
        self.window = _tail(series, lag)
        return _lagged(series, lag, len(rows.close), _logarithmic)


@feature("volatility", period=PERIOD_2)
@dataclass(slots=True)
class Volatility:
    """Sample standard deviation (n - 1) of the last `period` one-row simple returns, not annualised.

    Warms up for `period` rows.
    """

    period: int
    previous: float = nan
    window: list[float] = field(default_factory=list)

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        series, period = self.window, self.period
        previous, values = self.previous, []
        for close in rows.close:
            if previous == previous:  # noqa: PLR0124  (NaN before the first row)
                series.append(_simple(previous, close))
            previous = close
            values.append(_deviation(series[-period:], period - 1) if len(series) >= period else nan)
        self.previous, self.window = previous, _tail(series, period - 1)
        return values


@feature("deviation", period=PERIOD_2)
@dataclass(slots=True)
class Deviation:
    """Population standard deviation (n) of the last `period` closes. Warms up for `period` - 1 rows.

    The variance is (n * sum of squares - square of the sum) / n^2 in exact integers, rounded once.
    """

    period: int
    window: list[int] = field(default_factory=list)
    unit: int = 1

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        period, closes = self.period, _aligned(self, rows)
        series, first = self.window + closes, len(self.window)
        total, squares = sum(self.window), sum([close * close for close in self.window])
        divisor = (period * self.unit) ** 2
        values = []
        for row, close in enumerate(closes, first):
            total += close
            squares += close * close
            if row >= period:
                gone = series[row - period]
                total -= gone
                squares -= gone * gone
            values.append(sqrt((period * squares - total * total) / divisor) if row >= period - 1 else nan)
        self.window = series[max(0, len(series) - period + 1) :]
        return values


@feature("sma", period=PERIOD)
@dataclass(slots=True)
class Sma:
    """Simple moving average of the last `period` closes, rounded once. Warms up for `period` - 1 rows."""

    period: int
    window: list[int] = field(default_factory=list)
    unit: int = 1

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        period, closes = self.period, _aligned(self, rows)
        series, first = self.window + closes, len(self.window)
        total, divisor = sum(self.window), period * self.unit
        values = []
        for row, close in enumerate(closes, first):
            total += close
            if row >= period:
                total -= series[row - period]
            values.append(total / divisor if row >= period - 1 else nan)
        self.window = series[max(0, len(series) - period + 1) :]
        return values


@feature("ema", period=PERIOD)
@dataclass(slots=True)
class Ema:
    """Exponential moving average, weight 2 / (period + 1), seeded with the mean of the first `period` closes.

    Warms up for `period` - 1 rows.
    """

    period: int
    count: int = 0
    total: float = 0.0
    value: float = nan

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        period, count, total, value = self.period, self.count, self.total, self.value
        weight = 2.0 / (period + 1)
        values = []
        for close in rows.close:
            if count >= period:
                value += (close - value) * weight
            else:
                count += 1
                total += close
                if count == period:
                    value = total / period
            values.append(value)
        self.count, self.total, self.value = count, total, value
        return values


@feature("atr", on=("bar",), period=PERIOD)
@dataclass(slots=True)
class Atr:
    """Average true range after Wilder: mean of the first n true ranges, then (last * (n-1) + range) / n.

    The first bar has no true range (it needs the close before). Warms up for `period` bars.
    Source: J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
    """

    period: int
    count: int = 0
    total: float = 0.0
    value: float = nan
    previous: float = nan

    def column(self, rows: Rows) -> list[float]:
        """One value a bar."""
        period, count, total, value, previous = self.period, self.count, self.total, self.value, self.previous
        values = []
        for high, low, close in zip(rows.high, rows.low, rows.close, strict=True):
            if previous == previous:  # noqa: PLR0124  (NaN before the first bar)
                reach = max(high - low, abs(high - previous), abs(low - previous))
                if count >= period:
                    value = (value * (period - 1) + reach) / period
                else:
                    count += 1
                    total += reach
                    if count == period:
                        value = total / period
            previous = close
            values.append(value)
        self.count, self.total, self.value, self.previous = count, total, value, previous
        return values


def _simple(earlier: float, close: float) -> float:
    return (close - earlier) / earlier if earlier else nan


def _logarithmic(earlier: float, close: float) -> float:
    return log(close / earlier) if earlier > 0 and close > 0 else nan


def _lagged(
    series: list[float], lag: int, count: int, change: Callable[[float, float], float]
) -> list[float]:
    """`change` from the row `lag` rows before, for the last `count` rows of the series."""
    first = len(series) - count
    return [
        change(series[row - lag], series[row]) if row >= lag else nan for row in range(first, len(series))
    ]


def _aligned(indicator: Sma | Deviation, rows: Rows) -> list[int]:
    """The exact closes in the unit of the indicator's window, which becomes the finer of the two."""
    if rows.unit == indicator.unit:
        return rows.exact
    if rows.unit > indicator.unit:
        factor = rows.unit // indicator.unit
        indicator.window = [close * factor for close in indicator.window]
        indicator.unit = rows.unit
        return rows.exact
    factor = indicator.unit // rows.unit
    return [close * factor for close in rows.exact]


def _deviation(window: list[float], divisor: int) -> float:
    """Root of the mean squared distance from the mean; two passes, so that nothing cancels."""
    mean = fsum(window) / len(window)
    return sqrt(fsum([(value - mean) * (value - mean) for value in window]) / divisor)
