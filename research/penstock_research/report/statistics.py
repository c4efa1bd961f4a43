"""Statistics of an equity curve, in account currency. What cannot be told is None, never 0.

The curve is sampled on a regular grid; a period is one step of it. Year: 365 days of 24 hours, for crypto
markets never close; `Annualisation` in the result says which factor was used. Definitions: Sharpe, W. F.
(1994), "The Sharpe Ratio", with a risk-free rate of 0; Sortino, F. A. and Price, L. N. (1994), with a
target of 0 and the downside deviation over all periods; Young, T. W. (1991) for Calmar.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from penstock_kernel.grid import NS_PER_DAY, NS_PER_SECOND, grid_at_or_after

YEAR_NS = 365 * NS_PER_DAY
STEPS_NS = (NS_PER_SECOND, 60 * NS_PER_SECOND, 3600 * NS_PER_SECOND, NS_PER_DAY)
SAMPLES_MIN = 30
"""The coarsest step is taken that still gives this many samples."""

Point = tuple[int, Decimal]
"""Event time, ns, and equity."""


@dataclass(frozen=True, slots=True)
class EquityStatistics:
    """What an equity curve says."""

    step_ns: int
    periods: int
    periods_per_year: float
    total_return: float | None
    annual_return: float | None
    """Only of curves of a day or more: a minute raised to a year says nothing."""
    volatility: float | None
    """Standard deviation of the returns, annualised."""
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown: Decimal | None
    """Largest fall from a peak on the grid, in account currency."""
    drawdown_fraction: float | None
    """Largest fall as a fraction of the peak that it fell from."""


def step_for(points: Sequence[Point], step_min: int = NS_PER_SECOND) -> int:
    """The sampling step that suits a curve: not finer than `step_min`, the distance of its own samples."""
    span = points[-1][0] - points[0][0] if points else 0
    fitting = [step for step in STEPS_NS if step >= step_min and span >= step * SAMPLES_MIN]
    return max(fitting, default=max(step_min, NS_PER_SECOND))


def on_grid(points: Sequence[Point], step: int) -> list[Point]:
    """The curve at every grid point between its ends: the last value known there."""
    if not points:
        return []
    sampled: list[Point] = []
    mark = grid_at_or_after(points[0][0], step)
    value = points[0][1]
    for ts, equity in points:
        while mark < ts:
            sampled.append((mark, value))
            mark += step
        value = equity
    if mark <= points[-1][0] or not sampled:
        sampled.append((mark, value))
    elif sampled[-1][1] != value:
        sampled.append((mark, value))  # the open last period counts: nothing that was lost is left out
    return sampled


def equity_statistics(
    points: Sequence[Point], step: int, periods_per_year: float | None = None
) -> EquityStatistics:
    """The statistics of a curve, sampled every `step` ns; a year has 365 days unless it is said."""
    sampled = on_grid(points, step)
    values = [float(equity) for _, equity in sampled]
    per_year = YEAR_NS / step if periods_per_year is None else periods_per_year
    returns = [after / before - 1.0 for before, after in itertools.pairwise(values) if before > 0]
    if len(returns) != max(len(values) - 1, 0):
        returns = []  # equity was zero or less: a return from there is no number
    total = values[-1] / values[0] - 1.0 if returns else None
    annual = _annual(total, sampled, step, per_year)
    deviation = _deviation(returns)
    downside = (
        math.sqrt(math.fsum(min(each, 0.0) ** 2 for each in returns) / len(returns)) if returns else 0.0
    )
    mean = math.fsum(returns) / len(returns) if returns else 0.0
    drawdown, fraction = _drawdown([equity for _, equity in sampled])
    return EquityStatistics(
        step_ns=step,
        periods=len(returns),
        periods_per_year=per_year,
        total_return=total,
        annual_return=annual,
        volatility=None if deviation is None else deviation * math.sqrt(per_year),
        sharpe=mean / deviation * math.sqrt(per_year) if deviation else None,
        sortino=mean / downside * math.sqrt(per_year) if downside else None,
        calmar=annual / fraction if annual is not None and fraction else None,
        drawdown=drawdown,
        drawdown_fraction=fraction,
    )


def _annual(total: float | None, sampled: Sequence[Point], step: int, per_year: float) -> float | None:
    span = (len(sampled) - 1) * step
    if total is None or span < NS_PER_DAY or total <= -1.0:
        return None
    exponent = per_year * step / span * math.log1p(total)
    return math.expm1(exponent) if exponent < 700 else None


def _deviation(returns: Sequence[float]) -> float | None:
    if len(returns) < 2:
        return None
    mean = math.fsum(returns) / len(returns)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1))


def _drawdown(values: Sequence[Decimal]) -> tuple[Decimal | None, float | None]:
    if not values:
        return None, None
    peak, worst, worst_fraction = values[0], Decimal(0), 0.0
    for value in values:
        peak = max(peak, value)
        worst = max(worst, peak - value)
        if peak > 0:
            worst_fraction = max(worst_fraction, float((peak - value) / peak))
    return worst, worst_fraction
