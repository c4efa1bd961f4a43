"""Features of two instruments: correlation and beta of returns, and how far their ratio is off its mean.

A row pairs a bar with the other instrument's last bar of the same interval that ended by then, as it is known
at the end of the interval. Rows before the other's first bar do not count.
"""

from dataclasses import dataclass, field
from math import fsum, log, nan, sqrt

from penstock_features.indicators import PERIOD_2
from penstock_features.registry import Rows, feature

PERIOD_3 = (3, 10_000)


@dataclass(slots=True)
class _Returns:
    """The last `period` one-bar returns of both."""

    period: int
    previous: float = nan
    previous_other: float = nan
    own: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)

    def advance(self, close: float, other: float) -> bool:
        """Take in a row; whether the window is full."""
        if other != other:  # noqa: PLR0124  (NaN: not known yet)
            return False
        if self.previous == self.previous and self.previous and self.previous_other:
            self.own.append((close - self.previous) / self.previous)
            self.other.append((other - self.previous_other) / self.previous_other)
            del self.own[: -self.period], self.other[: -self.period]
        self.previous, self.previous_other = close, other
        return len(self.own) == self.period

    def moments(self) -> tuple[float, float, float]:
        """Sums of squared and multiplied distances from the means: own, other, both."""
        own_mean, other_mean = fsum(self.own) / self.period, fsum(self.other) / self.period
        own = [value - own_mean for value in self.own]
        other = [value - other_mean for value in self.other]
        return (
            fsum([value * value for value in own]),
            fsum([value * value for value in other]),
            fsum([one * two for one, two in zip(own, other, strict=True)]),
        )

    def column(self, rows: Rows) -> list[float]:
        """One value a bar, NaN until warm."""
        pairs = zip(rows.close, rows.other, strict=True)
        return [self._value() if self.advance(*pair) else nan for pair in pairs]

    def _value(self) -> float:
        """What the present window says."""
        raise NotImplementedError


@feature("correlation", on=("bar",), inputs=("other",), period=PERIOD_3)
@dataclass(slots=True)
class Correlation(_Returns):
    """Pearson's correlation of the last `period` one-bar returns with the other's; NaN if one stands still.

    Warms up for `period` bars.
    """

    def _value(self) -> float:
        own_squares, other_squares, products = self.moments()
        scale = sqrt(own_squares) * sqrt(other_squares)
        return max(-1.0, min(1.0, products / scale)) if scale else nan


@feature("beta", on=("bar",), inputs=("other",), period=PERIOD_3)
@dataclass(slots=True)
class Beta(_Returns):
    """Slope of the last `period` one-bar returns on the other's; NaN where the other stands still.

    Warms up for `period` bars.
    """

    def _value(self) -> float:
        _, other_squares, products = self.moments()
        return products / other_squares if other_squares else nan


@feature("ratio_z", on=("bar",), inputs=("other",), period=PERIOD_2)
@dataclass(slots=True)
class RatioZ:
    """ln(close / other's close) in population deviations from its mean over the last `period` bars.

    NaN while the ratio stands still. Warms up for `period` - 1 bars.
    """

    period: int
    window: list[float] = field(default_factory=list)

    def column(self, rows: Rows) -> list[float]:
        """One value a bar."""
        return [self._value(*row) for row in zip(rows.close, rows.other, strict=True)]

    def _value(self, close: float, other: float) -> float:
        if not (close > 0 and other > 0):  # also NaN: not known yet
            return nan
        self.window.append(log(close / other))
        del self.window[: -self.period]
        if len(self.window) < self.period:
            return nan
        mean = fsum(self.window) / self.period
        variance = fsum([(value - mean) * (value - mean) for value in self.window]) / self.period
        return (self.window[-1] - mean) / sqrt(variance) if variance else nan
