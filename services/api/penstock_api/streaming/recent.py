"""The last orders, signals, fills and changes of state, and the course of equity: what a newcomer sees first.

A fold of the log, bounded; all that is older is in the database.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.orders import (
    OrderApproved,
    PnlSampled,
    ShadowFilled,
    SignalRefused,
    SignalResolved,
    TradingStateChanged,
)
from penstock_contracts.signals import Signal
from penstock_contracts.types import OrderState, Outcome
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted

KEPT = 200
POINTS_MAX = 2_000
STEPS_MAX = 50


@dataclass(slots=True)
class OrderView:
    """An order and its steps so far."""

    order: OrderApproved
    sequence: int = 0
    """Log sequence of its approval."""
    status: str = "approved"
    quantity_filled: Decimal = Decimal(0)
    value_filled: Decimal = Decimal(0)
    """Sum of price times quantity over its fills."""
    reason: str = ""
    steps: list[tuple[str, int]] = field(default_factory=list)
    """State entered, and when, ns: the first ones, and the last."""
    ts_effect: int | None = None
    ts_known: int | None = None
    """When the answer to its last fill reached us."""

    def step(self, state: str, ts: int) -> None:
        """Enter a state."""
        self.status = state
        if len(self.steps) >= STEPS_MAX:
            self.steps.pop()
        self.steps.append((state, ts))


@dataclass(slots=True)
class SignalView:
    """A signal and what became of it."""

    signal: Signal
    outcome: str | None = None
    order_id: str | None = None
    refusal: SignalRefused | None = None


@dataclass(slots=True)
class Equity:
    """The course of equity. When there are too many points, every other one goes, evenly over time."""

    points: list[tuple[int, Decimal, Decimal]] = field(default_factory=list)
    """Event time, ns; equity; drawdown from the peak so far."""
    peak: Decimal | None = None
    _stride: int = 1
    _skipped: int = 0

    def add(self, ts: int, equity: Decimal) -> None:
        """Take a value. One that is not later than the last replaces it."""
        self.peak = equity if self.peak is None else max(self.peak, equity)
        point = (ts, equity, self.peak - equity)
        if self.points and ts <= self.points[-1][0]:
            if ts == self.points[-1][0]:
                self.points[-1] = point
            return
        self._skipped += 1
        if self._skipped < self._stride and len(self.points) > 1:
            return
        self._skipped = 0
        self.points.append(point)
        if len(self.points) > POINTS_MAX:
            self.points = self.points[::2]
            self._stride *= 2


@dataclass(slots=True)
class Recent:
    """What happened last."""

    orders: OrderedDict[str, OrderView] = field(default_factory=OrderedDict)
    signals: OrderedDict[str, SignalView] = field(default_factory=OrderedDict)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=KEPT))
    states: deque[TradingStateChanged] = field(default_factory=lambda: deque(maxlen=KEPT))
    equity: Equity = field(default_factory=Equity)
    shadow_fills: deque[ShadowFilled] = field(default_factory=lambda: deque(maxlen=KEPT))
    shadow_ledger: dict[tuple[str, str], ShadowFilled] = field(default_factory=dict)
    """By strategy and instrument: the last virtual fill, which carries the ledger after it."""
    _sequence: int = 0

    def take(self, sequence: int, message: Message) -> None:
        """Take the next message of the log; others than those in the table below change nothing."""
        self._sequence = sequence
        fold = _FOLDS.get(type(message))
        if fold is not None:
            fold(self, message)

    def _signal(self, message: Signal) -> None:
        self.signals[message.signal_id] = SignalView(message)
        _bound(self.signals)

    def _approved(self, message: OrderApproved) -> None:
        order = self.orders[message.order_id] = OrderView(message, self._sequence)
        order.step("approved", message.ts)
        _bound(self.orders)
        if message.signal_id in self.signals:
            signal = self.signals[message.signal_id]
            signal.outcome, signal.order_id = Outcome.APPROVED, message.order_id

    def _refused(self, message: SignalRefused) -> None:
        if message.signal_id in self.signals:
            signal = self.signals[message.signal_id]
            signal.outcome, signal.refusal = Outcome.REFUSED, message

    def _resolved(self, message: SignalResolved) -> None:
        if message.signal_id in self.signals:
            self.signals[message.signal_id].outcome = message.outcome

    def _submitted(self, message: OrderSubmitted) -> None:
        if order := self.orders.get(message.order_id):
            order.ts_effect = message.ts_effect
            order.step(OrderState.IN_FLIGHT, message.ts)

    def _accepted(self, message: OrderAccepted) -> None:
        if order := self.orders.get(message.order_id):
            order.step(OrderState.ACCEPTED, message.ts)

    def _changed(self, message: OrderChanged) -> None:
        if order := self.orders.get(message.order_id):
            order.reason = message.reason
            order.step(message.to_state, message.ts)

    def _fill(self, message: Fill) -> None:
        self.fills.append(message)
        if order := self.orders.get(message.order_id):
            order.quantity_filled += message.quantity
            order.value_filled += message.quantity * message.price
            order.ts_known = message.ts_known
            left = message.quantity_left
            order.step(OrderState.PARTIALLY_FILLED if left else OrderState.FILLED, message.ts)

    def _shadow(self, message: ShadowFilled) -> None:
        self.shadow_fills.append(message)
        self.shadow_ledger[message.strategy, message.instrument] = message

    def _state(self, message: TradingStateChanged) -> None:
        self.states.append(message)

    def _pnl(self, message: PnlSampled) -> None:
        if message.strategy is None:
            self.equity.add(message.ts, message.equity)


def _bound(kept: "OrderedDict[str, Any]") -> None:
    if len(kept) > KEPT:
        kept.popitem(last=False)


_FOLDS: dict[type, Callable[[Recent, Any], None]] = {
    Signal: Recent._signal,
    OrderApproved: Recent._approved,
    SignalRefused: Recent._refused,
    SignalResolved: Recent._resolved,
    OrderSubmitted: Recent._submitted,
    OrderAccepted: Recent._accepted,
    OrderChanged: Recent._changed,
    Fill: Recent._fill,
    ShadowFilled: Recent._shadow,
    TradingStateChanged: Recent._state,
    PnlSampled: Recent._pnl,
}
