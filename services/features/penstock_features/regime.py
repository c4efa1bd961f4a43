"""A simple regime tag: whether a market trends, moves more than it used to, or does neither."""

from dataclasses import dataclass, field
from math import nan

from penstock_features.registry import Rows, feature

RANGE, TREND, VOLATILE = 0.0, 1.0, 2.0
_MILLION = 1_000_000
LONG = 5
"""How many times `period` the usual amount of movement is judged over."""


@feature("regime", on=("bar",), period=(2, 2_000), trend=(0.01, 1.0), volatile=(1.0, 100.0))
@dataclass(slots=True)
class Regime:
    """0 range, 1 trend, 2 volatile. Warms up for 5 * `period` bars.

    With the path the sum of the absolute changes of the close: *volatile* when the path of the last `period`
    bars is at least `volatile` times the usual, the mean path of as many bars over the last 5 * `period`;
    else *trend* when the close moved, from end to end of the last `period`, at least `trend` of its path
    (Kaufman's efficiency ratio); else *range*. Source: P. J. Kaufman, Smarter Trading, 1995.
    """

    period: int
    trend: float
    volatile: float
    window: list[int] = field(default_factory=list)
    """The last 5 * period + 1 closes, exactly."""
    path: int = 0
    """Of the last `period` bars."""
    usual: int = 0
    """Of the last 5 * `period`."""
    unit: int = 1

    def column(self, rows: Rows) -> list[float]:
        """One value a bar."""
        factor = self._align(rows.unit)
        series, period = self.window, self.period
        longest = LONG * period
        path, usual, first = self.path, self.usual, len(series)
        # Millionths, so that the comparisons are of integers: exact at any number of decimals.
        trend, volatile = int(self.trend * _MILLION + 0.5), int(self.volatile * _MILLION + 0.5)
        series.extend(rows.exact if factor == 1 else [close * factor for close in rows.exact])
        values = []
        for row in range(first, len(series)):
            close = series[row]
            if row:
                change = abs(close - series[row - 1])
                path += change
                usual += change
            if row > period:
                path -= abs(series[row - period] - series[row - period - 1])
            if row > longest:
                usual -= abs(series[row - longest] - series[row - longest - 1])
            if row < longest:
                values.append(nan)
            elif path * LONG * _MILLION >= volatile * usual and path:
                values.append(VOLATILE)
            else:
                moved = abs(close - series[row - period])
                values.append(TREND if moved * _MILLION >= trend * path and path else RANGE)
        del series[: max(0, len(series) - longest - 1)]
        self.path, self.usual = path, usual
        return values

    def _align(self, unit: int) -> int:
        """Count in the finer of the two units; returns the factor for the new closes."""
        if unit > self.unit:
            factor = unit // self.unit
            self.window = [close * factor for close in self.window]
            self.path, self.usual, self.unit = self.path * factor, self.usual * factor, unit
        return self.unit // unit
