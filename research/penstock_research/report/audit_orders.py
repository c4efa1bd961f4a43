"""Follows every signal to its outcome and every order to its end (I2, I5, I7), through events in order.

Ids are functions of what they identify, so they are computed again: an order whose strategy, instrument,
time or ordinal was changed no longer carries its own id.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.base import Message
from penstock_contracts.orders import CancelRequested, OrderApproved, SignalRefused, SignalResolved
from penstock_contracts.signals import Signal
from penstock_contracts.types import OrderState, Side
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.ids import make_id
from penstock_kernel.money import ZERO

from penstock_research.report.findings import Findings

VenueEvent = OrderSubmitted | OrderAccepted | OrderChanged | Fill


@dataclass(slots=True)
class OrderTrail:
    """What happened to one approved order."""

    approved: OrderApproved
    filled: Decimal = ZERO
    number: int = 0
    """Of its last event."""
    state: OrderState | None = None
    """None before its submission."""


@dataclass(slots=True)
class OrderAudit:
    """State of the audit of signals and orders."""

    session_id: str
    findings: Findings
    signals: dict[str, Signal] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    orders: dict[str, OrderTrail] = field(default_factory=dict)
    fill_ids: set[str] = field(default_factory=set)
    _ordinals: dict[str, int] = field(default_factory=dict)

    def take(self, message: Message) -> None:
        """Take the next event."""
        match message:
            case Signal():
                self._signal(message)
            case SignalRefused():
                self._outcome(message.signal_id, "refused", message.strategy, message.instrument)
            case SignalResolved():
                self._outcome(message.signal_id, message.outcome.value, message.strategy, message.instrument)
            case OrderApproved():
                self._approved(message)
            case CancelRequested():
                known = message.order_id in self.orders
                self.findings.expect(
                    known, "I7", f"cancel of order {message.order_id}, which was never approved"
                )
            case OrderSubmitted() | OrderAccepted() | OrderChanged() | Fill():
                self._venue(message)
            case _:
                pass

    def finish(self) -> None:
        """After the last event: whatever is still open."""
        for signal_id, signal in self.signals.items():
            has = signal_id in self.outcomes
            self.findings.expect(has, "I5", f"signal {signal_id} of {signal.strategy} has no outcome")
        for order_id, trail in self.orders.items():
            ended = trail.state is not None and trail.state.terminal
            state = trail.state.value if trail.state else "never submitted"
            self.findings.expect(ended, "I5", f"order {order_id} did not end: {state}")

    @property
    def open_orders(self) -> int:
        """Orders approved and not over."""
        return sum(1 for each in self.orders.values() if each.state is None or not each.state.terminal)

    def _signal(self, signal: Signal) -> None:
        expected = make_id(
            "s", self.session_id, signal.strategy, signal.instrument, signal.ts, signal.ordinal
        )
        self.findings.expect(
            signal.signal_id == expected, "I5", f"signal {signal.signal_id} has another's id"
        )
        self.findings.expect(
            signal.signal_id not in self.signals, "I5", f"signal {signal.signal_id} was given twice"
        )
        self._counts(f"signals of {signal.strategy}", signal.ordinal, "I5")
        self.signals[signal.signal_id] = signal

    def _outcome(self, signal_id: str, outcome: str, strategy: str, instrument: str) -> None:
        signal = self.signals.get(signal_id)
        if signal is None:
            self.findings.add("I5", f"{outcome}: signal {signal_id}, which was never given")
            return
        same = (signal.strategy, signal.instrument) == (strategy, instrument)
        self.findings.expect(
            same, "I5", f"{outcome}: signal {signal_id} is of another strategy or instrument"
        )
        before = self.outcomes.get(signal_id)
        # Several orders may answer one signal: that is one outcome, approved.
        if before is not None and not before == outcome == "approved":
            self.findings.add("I5", f"signal {signal_id} has two outcomes: {before}, {outcome}")
        self.outcomes[signal_id] = outcome

    def _approved(self, order: OrderApproved) -> None:
        expected = make_id("o", self.session_id, order.strategy, order.instrument, order.ts, order.ordinal)
        self.findings.expect(order.order_id == expected, "I7", f"order {order.order_id} has another's id")
        self.findings.expect(
            order.order_id not in self.orders, "I2", f"order {order.order_id} was approved twice"
        )
        self._counts("orders", order.ordinal, "I7")
        if order.reason == "signal":
            self._outcome(order.signal_id, "approved", order.strategy, order.instrument)
        for check in order.checks:
            self.findings.expect(
                check.value <= check.limit,
                "I7",
                f"order {order.order_id}: approved with {check.rule} at {check.value}, above {check.limit}",
            )
        self.orders[order.order_id] = OrderTrail(order)

    def _counts(self, what: str, ordinal: int, invariant: str) -> None:
        expected = self._ordinals.get(what, 0) + 1
        self.findings.expect(
            ordinal == expected, invariant, f"{what}: number {ordinal} where {expected} is due"
        )
        self._ordinals[what] = ordinal

    def _venue(self, event: VenueEvent) -> None:
        trail = self.orders.get(event.order_id)
        if trail is None:
            self.findings.add("I7", f"order {event.order_id} is at the venue without an approval")
            return
        order, where = trail.approved, f"order {event.order_id}"
        same = (event.strategy, event.instrument) == (order.strategy, order.instrument)
        self.findings.expect(same, "I7", f"{where}: strategy or instrument differs from its approval")
        self.findings.expect(
            event.number == trail.number + 1, "I7", f"{where}: event {event.number} after {trail.number}"
        )
        trail.number = event.number
        over = trail.state is not None and trail.state.terminal
        self.findings.expect(not over, "I2", f"{where}: event {event.number} after its end")
        match event:
            case OrderSubmitted():
                self.findings.expect(trail.state is None, "I2", f"{where} reached the venue twice")
                trail.state = OrderState.IN_FLIGHT
            case OrderAccepted():
                if trail.state is OrderState.IN_FLIGHT:
                    trail.state = OrderState.ACCEPTED
            case OrderChanged():
                # The egress guard rejects before anything reaches the venue: that order was never submitted.
                blocked = event.to_state is OrderState.REJECTED
                self.findings.expect(
                    trail.state is not None or blocked,
                    "I7",
                    f"{where}: went from {event.from_state} to {event.to_state} without a submission",
                )
                trail.state = event.to_state
            case Fill():
                self._fill(event, trail)

    def _fill(self, fill: Fill, trail: OrderTrail) -> None:
        order, where = trail.approved, f"fill {fill.fill_id} of order {fill.order_id}"
        expected = make_id("f", self.session_id, fill.order_id, fill.ts, fill.number)
        self.findings.expect(fill.fill_id == expected, "I1", f"{where} has another's id")
        self.findings.expect(fill.fill_id not in self.fill_ids, "I1", f"{where} was told twice")
        self.fill_ids.add(fill.fill_id)
        self.findings.expect(trail.state is not None, "I7", f"{where} came before its submission")
        self.findings.expect(
            fill.side is order.side, "I7", f"{where} is a {fill.side}, its order a {order.side}"
        )
        self.findings.expect(
            fill.order_ordinal == order.ordinal, "I1", f"{where} names another order by its ordinal"
        )
        trail.filled += fill.quantity
        left = order.quantity - trail.filled
        self.findings.expect(
            left >= 0 and fill.quantity_left == left,
            "I1",
            f"{where}: {fill.quantity_left} left, but {order.quantity} - {trail.filled} = {left}",
        )
        limit = order.limit_price
        if limit is not None:
            kept = fill.price <= limit if order.side is Side.BUY else fill.price >= limit
            self.findings.expect(kept, "I7", f"{where} at {fill.price} is worse than its limit {limit}")
        trail.state = OrderState.FILLED if left == 0 else OrderState.PARTIALLY_FILLED
