"""What a service counts of its own outputs: signals, orders, fills, money. Only rare messages matter."""

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.features import DriftMeasured
from penstock_contracts.market import Gap
from penstock_contracts.orders import (
    CancelRequested,
    OrderApproved,
    PnlSampled,
    PositionChanged,
    SignalRefused,
    SignalResolved,
)
from penstock_contracts.signals import Signal
from penstock_contracts.venue import Fill, OrderChanged, OrderSubmitted

from penstock_runtime.metrics.names import METRICS

HIT_TRADES = 100
"""Round trips that the hit ratio is about."""
SHARPE_SAMPLES_MIN, SHARPE_SAMPLES = 30, 1440
"""Samples of the account that the rolling Sharpe ratio needs, and those that it is about."""
_YEAR_NS = 365 * 86_400 * 10**9

Entry = tuple[str, dict[str, str], Any]
"""Metric, labels, value; as JSON in a report."""


class Tally:
    """Counters since the process began, and the last values of what is measured."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._values: dict[tuple[str, tuple[str, ...]], float] = {}
        self._equity: deque[tuple[int, float]] = deque(maxlen=SHARPE_SAMPLES)
        self._trips: dict[tuple[str, str], _Trip] = {}
        self._won: dict[str, deque[bool]] = {}

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Add to a counter; labels in the order of the metric's."""
        self._counts[name, labels] += by

    def made(self, message: Message, *, known: bool) -> None:
        """Take note of an output. One that the log held already was counted by an earlier process."""
        take = _TAKE.get(type(message))
        if take is not None:
            take(self, message, not known)

    def tell(self, name: str, *labels: str, value: Decimal | float) -> None:
        """Set what is measured, or counted elsewhere; labels in the order of the metric's."""
        self._values[name, labels] = float(value)

    def entries(self) -> Iterator[Entry]:
        """Everything, as a report carries it."""
        for found in (self._counts, self._values):
            for (name, labels), value in found.items():
                yield name, dict(zip(METRICS[name].labels, labels, strict=True)), value
        ratio = self._sharpe()
        if ratio is not None:
            yield "penstock_account_sharpe_ratio", {}, ratio

    def _set(self, name: str, *labels: str, value: Decimal | float) -> None:
        self.tell(f"penstock_{name}", *labels, value=value)

    def _signal(self, message: Signal, new: bool) -> None:
        self.count("penstock_signals_total", message.strategy, by=new)

    def _approved(self, message: OrderApproved, new: bool) -> None:
        self.count("penstock_orders_approved_total", message.strategy, by=new)

    def _refused(self, message: SignalRefused, new: bool) -> None:
        self.count("penstock_signals_refused_total", message.strategy, message.rule, by=new)

    def _resolved(self, message: SignalResolved, new: bool) -> None:
        self.count("penstock_signals_resolved_total", message.strategy, str(message.outcome), by=new)

    def _cancel(self, message: CancelRequested, new: bool) -> None:
        self.count("penstock_cancels_requested_total", message.strategy, by=new)

    def _submitted(self, message: OrderSubmitted, new: bool) -> None:
        self.count("penstock_orders_submitted_total", message.strategy, by=new)

    def _changed(self, message: OrderChanged, new: bool) -> None:
        self.count("penstock_order_transitions_total", str(message.to_state), by=new)

    def _fill(self, message: Fill, new: bool) -> None:
        labels = (message.strategy, message.instrument, str(message.liquidity))
        self.count("penstock_fills_total", *labels, by=new)

    def _gap(self, message: Gap, new: bool) -> None:
        self.count("penstock_gaps_total", message.instrument or "", by=new)

    def _drift(self, message: DriftMeasured, _new: bool) -> None:
        self._set("feature_drift_psi", message.instrument, message.feature, value=message.psi)

    def _position(self, message: PositionChanged, new: bool) -> None:
        strategy, instrument = message.strategy, message.instrument
        self._set("position_quantity", strategy, instrument, value=message.quantity)
        trip = self._trips.setdefault((strategy, instrument), _Trip())
        won = trip.take(message)
        if won is None:
            return
        self.count("penstock_trades_total", strategy, by=new)
        self.count("penstock_trades_won_total", strategy, by=new and won)
        last = self._won.setdefault(strategy, deque(maxlen=HIT_TRADES))
        last.append(won)
        self._set("hit_ratio", strategy, value=sum(last) / len(last))

    def _pnl(self, message: PnlSampled, _new: bool) -> None:
        currency = message.currency
        if message.strategy is not None:
            for name in ("pnl_realized", "pnl_unrealized", "fees"):
                self._set(f"strategy_{name}", message.strategy, currency, value=getattr(message, name))
            gross = message.gross_exposure
            self._set("strategy_exposure_gross", message.strategy, currency, value=gross)
            return
        for name in ("equity", "pnl_realized", "pnl_unrealized", "fees", "drawdown_max"):
            self._set(f"account_{name}", currency, value=getattr(message, name))
        self._set("account_exposure_gross", currency, value=message.gross_exposure)
        self._set("account_exposure_net", currency, value=message.net_exposure)
        self._set("account_exposure_reserved", currency, value=message.reserved)
        self._equity.append((message.ts, float(message.equity)))

    def _sharpe(self) -> float | None:
        """Mean over standard deviation of the samples' returns, times the root of how many make a year."""
        count = len(self._equity) - 1
        if count < SHARPE_SAMPLES_MIN:
            return None
        values = [equity for _, equity in self._equity]
        if min(values) <= 0:
            return None
        returns = [after / before - 1 for before, after in pairwise(values)]
        mean = math.fsum(returns) / count
        variance = math.fsum((each - mean) ** 2 for each in returns) / (count - 1)
        spacing_ns = (self._equity[-1][0] - self._equity[0][0]) / count
        if variance <= 0 or spacing_ns <= 0:
            return None
        return mean / math.sqrt(variance) * math.sqrt(_YEAR_NS / spacing_ns)


class _Trip:
    """One strategy's position in one instrument, from flat to flat."""

    def __init__(self) -> None:
        self._quantity = self._before = Decimal(0)

    def take(self, message: PositionChanged) -> bool | None:
        """Whether the round trip that ended here made a profit; None while none ended."""
        after = message.quantity
        ended = self._quantity != 0 and (after == 0 or (after > 0) != (self._quantity > 0))
        self._quantity = after
        if not ended:
            return None
        profit = message.pnl_realized - message.fees
        won, self._before = profit > self._before, profit
        return won


_TAKE: dict[type, Callable[[Tally, Any, bool], None]] = {
    Signal: Tally._signal,
    OrderApproved: Tally._approved,
    SignalRefused: Tally._refused,
    SignalResolved: Tally._resolved,
    CancelRequested: Tally._cancel,
    OrderSubmitted: Tally._submitted,
    OrderChanged: Tally._changed,
    Fill: Tally._fill,
    PositionChanged: Tally._position,
    PnlSampled: Tally._pnl,
    Gap: Tally._gap,
    DriftMeasured: Tally._drift,
}
