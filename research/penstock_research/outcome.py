"""What a run came to: its fills, trades and equity as frames, its figures, its summary."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from penstock_contracts.base import Message
from penstock_contracts.orders import OrderApproved, PnlSampled
from penstock_contracts.signals import Note
from penstock_contracts.types import Outcome as SignalOutcome
from penstock_kernel.fills_hash import canonical_decimal, fills_hash
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.ledger import Contract, fit
from penstock_kernel.money import ONE, ZERO
from penstock_kernel.session import SessionConfig

from penstock_research.market import Market, buy_and_hold
from penstock_research.performance import Performance, TradeFigures, performance, trade_figures
from penstock_research.report.final import Tally, utc
from penstock_research.report.rates import Rates
from penstock_research.report.statistics import Point
from penstock_research.report.trips import Trip, round_trips
from penstock_research.tables import equity_frame, fills_frame, trades_frame


class StrategyFailed(Exception):
    """A strategy raised. The text names it, the error, its place in the code and the event time."""

    def __init__(self, note: Note) -> None:
        place = f" ({note.location})" if note.location else ""
        super().__init__(f"{note.strategy}: {note.text}{place}")


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a run counted besides its messages."""

    rows: int = 0
    quarantined: int = 0
    stop_reason: str = "end_of_data"


class Result:
    """What a run put out, and what follows from it."""

    def __init__(self, session: SessionConfig, sample_ns: int, market: Market | None = None) -> None:
        self.session = session
        self.sample_ns = sample_ns
        self.tally = Tally()
        self.market = market
        self.run = RunFigures()
        self.reference_prices: dict[str, Decimal] = {}
        """Of each order: the price that it was decided on."""

    def take(self, producer: str, messages: list[Message]) -> None:
        """Count what a stage put out. StrategyFailed when a strategy raised."""
        if producer == "features":
            if self.market is not None:
                self.market.take(messages)
            return
        add = self.tally.add
        for message in messages:
            if type(message) is Note and message.level == "error":
                raise StrategyFailed(message)
            if type(message) is OrderApproved:
                self.reference_prices[message.order_id] = message.reference_price
            add(message)

    # --- Figures -------------------------------------------------------------------------------------

    @property
    def fills_hash(self) -> str:
        """Identity of the fills: the same in every topology."""
        return fills_hash(self.tally.fills)

    @property
    def points(self) -> list[Point]:
        """Equity, from the capital on."""
        return [(self.session.start, self.session.capital), *self.tally.equity]

    @cached_property
    def trips(self) -> list[Trip]:
        """The closed trades."""
        return round_trips(self.tally.fills, self.session.by_key)

    @cached_property
    def account_trips(self) -> list[Trip]:
        """The same with their money in account currency, at the rates of their ends."""
        return [self._rates.in_account(each) for each in self.trips]

    @cached_property
    def _rates(self) -> Rates:
        return Rates(self.session.currency, self.tally.samples)

    @cached_property
    def performance(self) -> Performance:
        """The figures, sampled daily where thirty days were traded, else hourly or finer."""
        return self.statistics()

    def statistics(self, interval_ns: int | None = None, days: int = 365) -> Performance:
        """The figures with another sampling interval, or a year of 252 days."""
        return performance(self.points, self.account_trips, step_ns=interval_ns, days=days)

    @property
    def fills(self) -> pl.DataFrame:
        """A row for each fill."""
        return fills_frame(self.tally.fills)

    @property
    def trades(self) -> pl.DataFrame:
        """A row for each round trip."""
        return trades_frame(self.trips)

    @property
    def equity(self) -> pl.DataFrame:
        """The account over time."""
        return equity_frame(self.tally.samples)

    @property
    def turnover(self) -> Decimal | None:
        """Sum of the notionals of all fills, in account currency; None where a rate is not known."""
        contracts = {key: Contract.of(each) for key, each in self.session.by_key.items()}
        total = ZERO
        for each in self.tally.fills:
            contract = contracts[each.instrument]
            rate = self._rates.at(contract.currency, each.ts)
            if rate is None:
                return None
            notional = contract.notional(each.quantity, each.price)
            total += notional if rate == ONE else fit(notional * rate)
        return total

    def benchmark(self) -> list[tuple[int, float]]:
        """Buy and hold at each equity sample, in account currency; empty without prices."""
        times = np.array([ts for ts, _ in self.points], dtype=np.int64)
        worth = None if self.market is None else buy_and_hold(self.market, times)
        if worth is None:
            return []
        return list(zip(times.tolist(), (worth * float(self.session.capital)).tolist(), strict=True))

    def exposure(self) -> tuple[float | None, float | None]:
        """Share of the time with a position, and the mean gross exposure as a share of equity."""
        return _exposure(self.tally.samples, self.session.start)

    def summary(self) -> dict[str, Any]:
        """`summary.json`: money as decimal text, ratios as numbers, unknown as null."""
        tally, account, figures = self.tally, self.tally.account, self.performance
        curve = figures.curve
        in_market, gross = self.exposure()
        held = self.benchmark()
        end = tally.equity[-1][0] if tally.equity else self.session.start
        days = (end - self.session.start) / (86_400 * NS_PER_SECOND)
        worst = figures.drawdowns[0] if figures.drawdowns else None
        equity_end = account.equity if account else self.session.capital
        capital, turnover = self.session.capital, self.turnover
        return {
            "strategies": [each.name for each in self.session.strategies],
            "instruments": [each.instrument for each in self.session.instruments],
            "start": utc(self.session.start),
            "end": utc(end),
            "currency": self.session.currency,
            "capital": canonical_decimal(capital),
            "equity_end": canonical_decimal(equity_end),
            "pnl_realized": _text(account.pnl_realized if account else None),
            "pnl_unrealized": _text(account.pnl_unrealized if account else None),
            "fees": _text(account.fees if account else None),
            "return": float(equity_end / capital - 1),
            "return_annual": curve.annual_return,
            "return_buy_and_hold": held[-1][1] / held[0][1] - 1 if held else None,
            "volatility": curve.volatility,
            "sharpe": curve.sharpe,
            "sortino": curve.sortino,
            "calmar": curve.calmar,
            "annualisation": str(figures.annualisation),
            "drawdown_max": _text(account.drawdown_max if account else None),
            "drawdown_max_fraction": curve.drawdown_fraction,
            "drawdown_max_peak": None if worst is None else utc(worst.ts_peak),
            "drawdown_max_trough": None if worst is None else utc(worst.ts_trough),
            "drawdown_max_recovered": utc(worst.ts_recovered) if worst and worst.ts_recovered else None,
            "drawdown_mean_fraction": figures.drawdown_mean,
            "turnover": _text(turnover),
            "turnover_per_day": float(turnover / capital) / days
            if days > 0 and turnover is not None
            else None,
            "time_in_market": in_market,
            "exposure_gross_mean": gross,
            "trades": figures_text(figures.trades),
            "by_strategy": self._grouped("strategy"),
            "by_instrument": self._grouped("instrument"),
            "signals": {
                "approved": len(tally.approved_signals),
                **{
                    each.value: tally.outcomes[each]
                    for each in (SignalOutcome.REFUSED, SignalOutcome.NO_CHANGE, SignalOutcome.SUPERSEDED)
                },
            },
            "refusals": dict(sorted(tally.refusals.items())),
            "orders": {
                "approved": tally.approved_orders,
                **{state.value: count for state, count in sorted(tally.endings.items())},
            },
            "rows": self.run.rows,
            "quarantined": self.run.quarantined,
            "ended": self.run.stop_reason,
            "fills": len(tally.fills),
            "fills_hash": self.fills_hash,
        }

    def _grouped(self, by: str) -> dict[str, Any]:
        keys = sorted({getattr(each, by) for each in self.tally.fills})
        trips = self.account_trips
        return {key: figures_text(trade_figures([t for t in trips if getattr(t, by) == key])) for key in keys}


def figures_text(figures: TradeFigures) -> dict[str, Any]:
    """Trade figures as JSON values."""
    return {
        name: canonical_decimal(value) if isinstance(value, Decimal) else value
        for name, value in asdict(figures).items()
    }


def _exposure(samples: list[PnlSampled], start: int) -> tuple[float | None, float | None]:
    """Weighted by time: a sample holds until the next."""
    held = weighted = whole = 0.0
    last_ts, last_share = start, 0.0
    for each in samples:
        span = float(each.ts - last_ts)
        whole += span
        held += span if last_share else 0.0
        weighted += span * last_share
        last_ts = each.ts
        last_share = float(each.gross_exposure / each.equity) if each.equity > 0 else 0.0
    return (held / whole, weighted / whole) if whole else (None, None)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else canonical_decimal(value)
