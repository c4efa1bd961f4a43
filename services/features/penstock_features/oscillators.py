"""MACD, RSI and Bollinger bands: recurrences under the rules of `indicators`."""

from dataclasses import dataclass, field
from math import nan, sqrt

from penstock_features.indicators import PERIOD, PERIOD_2
from penstock_features.registry import Rows, feature

WIDTH = (0.01, 100.0)


@dataclass(slots=True)
class _MacdLine:
    """Fast minus slow exponential average of the close, and the average of that line.

    Both averages begin at row `slow`: the slow one with the mean of the first `slow` closes, the fast one
    with that of the last `fast` of them; the signal line with the mean of the first `signal` values.
    """

    fast: int
    slow: int
    signal: int
    window: list[float] = field(default_factory=list)
    """The closes before the averages begin."""
    fast_value: float = nan
    slow_value: float = nan
    count: int = 0
    total: float = 0.0
    """Of the line, until the signal line begins."""
    signal_value: float = nan

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"macd: fast must be below slow ({self.slow}), not {self.fast}")

    def lines(self, rows: Rows) -> list[tuple[float, float]]:
        """(line, signal line) of each row."""
        return [self._advance(close) for close in rows.close]

    def _advance(self, close: float) -> tuple[float, float]:
        if self.slow_value == self.slow_value:  # not NaN: it began
            self.fast_value += (close - self.fast_value) * (2.0 / (self.fast + 1))
            self.slow_value += (close - self.slow_value) * (2.0 / (self.slow + 1))
        else:
            self.window.append(close)
            if len(self.window) < self.slow:
                return nan, nan
            self.fast_value = _mean(self.window[-self.fast :])
            self.slow_value = _mean(self.window)
            self.window = []
        line = self.fast_value - self.slow_value
        if self.count >= self.signal:
            self.signal_value += (line - self.signal_value) * (2.0 / (self.signal + 1))
        else:
            self.count += 1
            self.total += line
            if self.count == self.signal:
                self.signal_value = self.total / self.signal
        return line, self.signal_value


@feature("macd", fast=PERIOD, slow=PERIOD_2, signal=PERIOD)
@dataclass(slots=True)
class Macd(_MacdLine):
    """The MACD line. Warms up for `slow` - 1 rows. Source: G. Appel, 1979."""

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [line for line, _ in self.lines(rows)]


@feature("macd_signal", fast=PERIOD, slow=PERIOD_2, signal=PERIOD)
@dataclass(slots=True)
class MacdSignal(_MacdLine):
    """The signal line. Warms up for `slow` + `signal` - 2 rows."""

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [signal for _, signal in self.lines(rows)]


@feature("macd_histogram", fast=PERIOD, slow=PERIOD_2, signal=PERIOD)
@dataclass(slots=True)
class MacdHistogram(_MacdLine):
    """Line minus signal line. Warms up for `slow` + `signal` - 2 rows."""

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [line - signal for line, signal in self.lines(rows)]


@feature("rsi", period=PERIOD_2)
@dataclass(slots=True)
class Rsi:
    """Relative strength index after Wilder, 0 to 100; 50 where the price has not moved.

    100 * gain / (gain + loss), both averaged as the average true range is. Warms up for `period` rows.
    Source: J. W. Wilder, New Concepts in Technical Trading Systems, 1978.
    """

    period: int
    count: int = 0
    gain: float = 0.0
    loss: float = 0.0
    previous: float = nan

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [self._advance(close) for close in rows.close]

    def _advance(self, close: float) -> float:
        previous, self.previous = self.previous, close
        if previous != previous:  # noqa: PLR0124  (NaN before the first row)
            return nan
        gain, loss = max(close - previous, 0.0), max(previous - close, 0.0)
        period = self.period
        if self.count >= period:
            self.gain = (self.gain * (period - 1) + gain) / period
            self.loss = (self.loss * (period - 1) + loss) / period
        else:
            self.count += 1
            self.gain += gain
            self.loss += loss
            if self.count < period:
                return nan
            self.gain, self.loss = self.gain / period, self.loss / period
        total = self.gain + self.loss
        return 100.0 * (self.gain / total) if total else 50.0


@dataclass(slots=True)
class _Bands:
    """Mean of the last `period` closes, and `width` population deviations around it, from exact sums."""

    period: int
    width: float
    window: list[int] = field(default_factory=list)
    unit: int = 1

    def bands(self, rows: Rows) -> list[tuple[float, float]]:
        """(mean, distance of the bands from it) of each row."""
        if rows.unit > self.unit:
            self.window = [close * (rows.unit // self.unit) for close in self.window]
            self.unit = rows.unit
        factor, period = self.unit // rows.unit, self.period
        total, squares = sum(self.window), sum([close * close for close in self.window])
        divisor, bands = period * self.unit, []
        for exact in rows.exact:
            close = exact * factor
            self.window.append(close)
            total += close
            squares += close * close
            if len(self.window) < period:
                bands.append((nan, nan))
                continue
            deviation = sqrt((period * squares - total * total) / (divisor * divisor))
            bands.append((total / divisor, self.width * deviation))
            gone = self.window.pop(0)
            total -= gone
            squares -= gone * gone
        return bands


@feature("bollinger_upper", period=PERIOD_2, width=WIDTH)
@dataclass(slots=True)
class BollingerUpper(_Bands):
    """The upper band. Warms up for `period` - 1 rows.

    Source: J. Bollinger, Bollinger on Bollinger Bands, 2001.
    """

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [mean + reach for mean, reach in self.bands(rows)]


@feature("bollinger_lower", period=PERIOD_2, width=WIDTH)
@dataclass(slots=True)
class BollingerLower(_Bands):
    """The lower band. Warms up for `period` - 1 rows."""

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [mean - reach for mean, reach in self.bands(rows)]


@feature("bollinger_position", period=PERIOD_2, width=WIDTH)
@dataclass(slots=True)
class BollingerPosition(_Bands):
    """Where the close lies: 0 at the lower band, 1 at the upper; NaN while the price stands still (%b)."""

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        return [
            (close - (mean - reach)) / (2.0 * reach) if reach else nan
            for close, (mean, reach) in zip(rows.close, self.bands(rows), strict=True)
        ]


def _mean(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total / len(values)
