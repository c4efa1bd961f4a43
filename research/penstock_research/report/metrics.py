"""`metrics.json`, the figures of a run, and `metrics.csv`, the account over time. Unknown is null."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from penstock_contracts.instrument import Instrument
from penstock_kernel.fills_hash import canonical_decimal
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.money import ZERO

from penstock_research.report.final import FinalReport, Tally, utc
from penstock_research.report.rates import Rates
from penstock_research.report.statistics import equity_statistics, step_for
from penstock_research.report.trips import Trip, round_trips

COLUMNS = (
    "time", "equity", "pnl_realized", "pnl_unrealized", "fees", "gross_exposure", "net_exposure", "reserved",
    "drawdown_max",
)  # fmt: skip


def metrics(report: FinalReport, counted: Tally, instruments: Mapping[str, Instrument]) -> dict[str, Any]:
    """All figures of a run as JSON values; money as decimal text, ratios as numbers."""
    step = step_for(counted.equity, _sample_distance(counted))
    curve = equity_statistics(counted.equity, step)
    figures = asdict(curve)
    figures["drawdown"] = None if curve.drawdown is None else canonical_decimal(curve.drawdown)
    rates = Rates(report.currency, counted.samples)
    trips = [rates.in_account(each) for each in round_trips(counted.fills, instruments)]
    year = f"{curve.periods_per_year:g} periods of {step / NS_PER_SECOND:g} s in a year of 365 days"
    return {
        "session_id": report.session_id,
        "currency": report.currency,
        "equity": figures,
        "annualisation": year,
        "trades": trade_figures(trips),
        "by_strategy": {
            name: trade_figures([each for each in trips if each.strategy == name])
            for name in report.strategies
        },
        "refusals": dict(sorted(counted.refusals.items())),
        "fills_per_order": len(counted.fills) / counted.approved_orders if counted.approved_orders else None,
        "events_in": report.events_in,
        "quarantined": report.quarantined,
        "errors": report.errors,
        "latency_ms": report.latency_ms.model_dump(),
    }


def trade_figures(trips: Sequence[Trip]) -> dict[str, Any]:
    """What the closed trades come to, after fees; no sums over different currencies."""
    nets = [trip.net for trip in trips if trip.net is not None]
    one_currency = len(nets) == len(trips) and len({trip.currency for trip in trips}) == 1
    won, lost = [net for net in nets if net > 0], [net for net in nets if net < 0]
    profit, loss = sum(won, ZERO), -sum(lost, ZERO)
    held_ns = sum(trip.ts_close - trip.ts_open for trip in trips)

    def money(value: Decimal) -> str | None:
        return canonical_decimal(value) if one_currency else None

    return {
        "count": len(trips),
        "won": len(won),
        "lost": len(lost),
        "win_rate": len(won) / len(trips) if trips and len(nets) == len(trips) else None,
        "profit_factor": float(profit / loss) if one_currency and loss else None,
        "gross_profit": money(profit),
        "gross_loss": money(loss),
        "best": money(max(nets, default=ZERO)),
        "worst": money(min(nets, default=ZERO)),
        "duration_mean_s": held_ns / len(trips) / NS_PER_SECOND if trips else None,
    }


def metrics_rows(counted: Tally) -> Iterator[tuple[str, ...]]:
    """The account at each sample: a header, then a row each."""
    yield COLUMNS
    for sample in counted.samples:
        values = (getattr(sample, name) for name in COLUMNS[1:])
        yield (utc(sample.ts), *(canonical_decimal(value) for value in values))


def _sample_distance(counted: Tally) -> int:
    """The usual distance of two samples, ns: statistics must not be finer than what was sampled."""
    times = [ts for ts, _ in counted.equity]
    distances = sorted(after - before for before, after in itertools.pairwise(times) if after > before)
    return max(distances[len(distances) // 2], NS_PER_SECOND) if distances else NS_PER_SECOND
