"""What an equity curve and its trades say: the figures of a backtest. What cannot be told is None, never 0.

Sources: Sharpe (1994) with a risk-free rate of 0; Sortino and Price (1994) with a target of 0, the downside
deviation over all periods; Young (1991) for Calmar; Magdon-Ismail and Atiya (2004) for drawdown. A trade is
a round trip from flat, or a flip, to flat; it won when its PnL less its fees is above zero.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.ledger import fit
from penstock_kernel.money import ZERO

from penstock_research.report.statistics import (
    YEAR_NS,
    EquityStatistics,
    Point,
    equity_statistics,
    on_grid,
    step_for,
)
from penstock_research.report.trips import Trip

ROLLING_PERIODS = 30


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall of equity from a peak, until that peak is reached again."""

    fraction: float
    """At its deepest, of the peak."""
    ts_peak: int
    ts_trough: int
    ts_recovered: int | None
    """None: not yet at the end."""


@dataclass(frozen=True, slots=True)
class Annualisation:
    """How often equity is sampled, and how many of such periods make a year."""

    step_ns: int
    periods_per_year: float

    @classmethod
    def of(cls, step_ns: int, days: int = 365) -> "Annualisation":
        """A year of `days`: 365 for markets that never close, 252 for those with a trading day."""
        return cls(step_ns, YEAR_NS / step_ns * days / 365)

    def __str__(self) -> str:
        step = self.step_ns / NS_PER_SECOND
        named = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86_400.0: "a day"}.get(
            step, f"{step:g} s"
        )
        return f"returns of {named}, {self.periods_per_year:g} of them a year"


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """What closed trades come to, after fees, in the settlement currency that they share."""

    count: int
    won: int
    lost: int
    win_rate: float | None
    profit_factor: float | None
    """Gross profit / gross loss; None without a loss."""
    expectancy: Decimal | None
    """Mean net PnL of a trade."""
    pnl: Decimal | None
    """Realised, before fees."""
    fees: Decimal | None
    gross_profit: Decimal | None
    gross_loss: Decimal | None
    """Never negative."""
    best: Decimal | None
    worst: Decimal | None
    duration_mean_s: float | None


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of one run."""

    annualisation: Annualisation
    curve: EquityStatistics
    drawdowns: tuple[Drawdown, ...]
    """The deepest first."""
    drawdown_mean: float | None
    """Mean depth of all drawdowns, as a fraction."""
    trades: TradeFigures


def performance(
    points: Sequence[Point], trips: Sequence[Trip], *, step_ns: int | None = None, days: int = 365
) -> Performance:
    """The figures of an equity curve and its trades.

    `step_ns` is the sampling interval, by default the coarsest of day, hour, minute and second that gives
    thirty periods; `days` make a year.
    """
    step = step_ns or step_for(points)
    annualisation = Annualisation.of(step, days)
    falls = drawdowns(on_grid(points, step))
    return Performance(
        annualisation,
        equity_statistics(points, step, annualisation.periods_per_year),
        tuple(sorted(falls, key=lambda each: (-each.fraction, each.ts_peak))),
        math.fsum(each.fraction for each in falls) / len(falls) if falls else None,
        trade_figures(trips),
    )


def drawdowns(points: Sequence[Point]) -> list[Drawdown]:
    """Every fall from a peak, in order of time."""
    found: list[Drawdown] = []
    if not points:
        return found
    ts_peak, peak = points[0]
    ts_trough, trough = points[0]
    for ts, equity in points[1:]:
        if equity >= peak:
            if trough < peak:
                found.append(_drawdown(peak, trough, ts_peak, ts_trough, ts))
            ts_peak = ts_trough = ts
            peak = trough = equity
        elif equity < trough:
            ts_trough, trough = ts, equity
    if trough < peak:
        found.append(_drawdown(peak, trough, ts_peak, ts_trough, None))
    return found


def _drawdown(
    peak: Decimal, trough: Decimal, ts_peak: int, ts_trough: int, ts_recovered: int | None
) -> Drawdown:
    fraction = float((peak - trough) / peak) if peak > 0 else math.inf
    return Drawdown(fraction, ts_peak, ts_trough, ts_recovered)


def underwater(points: Sequence[Point]) -> list[tuple[int, float]]:
    """At each point, how far equity lies below its peak so far: 0 or a negative fraction."""
    series: list[tuple[int, float]] = []
    peak: Decimal | None = None
    for ts, equity in points:
        peak = equity if peak is None else max(peak, equity)
        series.append((ts, float(equity / peak - 1) if peak > 0 else 0.0))
    return series


def rolling_sharpe(
    points: Sequence[Point], annualisation: Annualisation, periods: int = ROLLING_PERIODS
) -> list[tuple[int, float | None]]:
    """Sharpe of the last `periods` returns at each grid point, from the first that has as many."""
    sampled = on_grid(points, annualisation.step_ns)
    values = [float(equity) for _, equity in sampled]
    returns = [after / before - 1.0 if before > 0 else 0.0 for before, after in itertools.pairwise(values)]
    series: list[tuple[int, float | None]] = []
    for end in range(periods, len(returns) + 1):
        window = returns[end - periods : end]
        mean = math.fsum(window) / periods
        deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in window) / (periods - 1))
        sharpe = mean / deviation * math.sqrt(annualisation.periods_per_year) if deviation else None
        series.append((sampled[end][0], sharpe))
    return series


def monthly_returns(points: Sequence[Point]) -> list[tuple[int, int, float]]:
    """(year, month, return) of each UTC month that the curve touches."""
    last: dict[tuple[int, int], Decimal] = {}
    for ts, equity in points:
        # The first instant of a month is the end of the one before.
        moment = datetime.fromtimestamp((ts - 1) // NS_PER_SECOND, UTC)
        last[moment.year, moment.month] = equity
    before = points[0][1] if points else ZERO
    months = []
    for (year, month), equity in last.items():
        if before > 0:
            months.append((year, month, float(equity / before - 1)))
        before = equity
    return months


def trade_figures(trips: Sequence[Trip]) -> TradeFigures:
    """What the trades come to; money is None where they settle in several currencies, or none."""
    nets = [trip.net for trip in trips if trip.net is not None]
    told = len(nets) == len(trips)
    one_currency = told and len({trip.currency for trip in trips}) == 1
    won, lost = [net for net in nets if net > 0], [net for net in nets if net < 0]
    profit, loss = sum(won, ZERO), -sum(lost, ZERO)
    held_ns = sum(trip.ts_close - trip.ts_open for trip in trips)
    count = len(trips)

    def money(value: Decimal) -> Decimal | None:
        return value if one_currency else None

    return TradeFigures(
        count=count,
        won=len(won),
        lost=len(lost),
        win_rate=len(won) / count if count and told else None,
        profit_factor=float(profit / loss) if one_currency and loss else None,
        expectancy=fit((profit - loss) / count) if one_currency else None,
        pnl=money(sum((trip.pnl for trip in trips), ZERO)),
        fees=money(sum((trip.fees or ZERO for trip in trips), ZERO)),
        gross_profit=money(profit),
        gross_loss=money(loss),
        best=money(max(nets, default=ZERO)),
        worst=money(min(nets, default=ZERO)),
        duration_mean_s=held_ns / count / NS_PER_SECOND if count else None,
    )
