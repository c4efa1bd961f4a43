"""One order at a live venue: its state, and what is told of it."""

from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import OrderState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.ids import make_id
from penstock_kernel.money import ZERO
from penstock_venues.gateway import VenueFill, VenueOrder

from penstock_execution.states import TRANSITIONS, Event, Lifecycle, Marker

_S = OrderState
_EVENTS = {
    _S.REJECTED: Event.REJECT,
    _S.CANCELLED: Event.CANCEL,
    _S.EXPIRED: Event.EXPIRE,
    _S.CANCEL_PENDING: Event.CANCEL_REQUEST,
    _S.UNKNOWN: Event.ANSWER_LOST,
    _S.LOST: Event.NOT_FOUND,
}
"""What happened when a message says that an order came into a state; the others uncover it."""


@dataclass(slots=True)
class LiveOrder:
    """An approved order as the log and the venue have told of it."""

    approval: OrderApproved
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    number: int = 0
    """Of the last message about it."""
    filled: Decimal = ZERO
    end: VenueOrder | None = None
    """The venue says that it is over. Told when the fills that we know add up to what it says."""
    fills_wanted: bool = False
    """The venue has filled more than we know of."""
    sending: bool = False
    """Its request is on the way: nothing else is asked about it until that is answered or given up."""

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of it."""
        return not TRANSITIONS[self.lifecycle.state]

    @property
    def state(self) -> OrderState | Marker:
        """Its state in the table."""
        return self.lifecycle.state

    @property
    def left(self) -> Decimal:
        """Quantity that has not filled."""
        return self.approval.quantity - self.filled

    def can(self, event: Event) -> bool:
        """Whether the table has the event for its state."""
        return event in TRANSITIONS[self.lifecycle.state]

    def submitted(self, ts: int) -> OrderSubmitted:
        """Say that it is being sent."""
        self.lifecycle.apply(Event.SUBMIT)
        self.number += 1
        approval = self.approval
        return OrderSubmitted(
            order_id=approval.order_id,
            client_order_id=approval.client_order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            ts_effect=ts,
        )

    def accepted(self, venue_order_id: str, ts: int) -> OrderAccepted:
        """Say that the venue has it."""
        self.lifecycle.apply(Event.ACCEPT)
        self.number += 1
        approval = self.approval
        return OrderAccepted(
            order_id=approval.order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            venue_order_id=safe_id(venue_order_id),
        )

    def changed(self, event: Event, ts: int, reason: str) -> OrderChanged:
        """Say what happened to it, other than acceptance and fills."""
        before = self.lifecycle.state
        after = self.lifecycle.apply(event)
        self.number += 1
        approval = self.approval
        return OrderChanged(
            order_id=approval.order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            from_state=OrderState(before) if before is not Marker.NEW else OrderState.IN_FLIGHT,
            to_state=after,
            reason=reason[:2000],
        )

    def fill(self, fill: VenueFill, fill_id: str, ts: int) -> Fill:
        """Say that it filled. An order that was given up for lost stays lost."""
        if self.lifecycle.state is not OrderState.LOST:
            self.lifecycle.apply(Event.FILL_LAST if fill.quantity == self.left else Event.FILL)
        self.filled += fill.quantity
        self.number += 1
        approval = self.approval
        return Fill(
            fill_id=fill_id,
            order_id=approval.order_id,
            order_ordinal=approval.ordinal,
            strategy=approval.strategy,
            instrument=approval.instrument,
            venue=approval.instrument.partition(".")[2],
            number=self.number,
            ts=min(fill.ts, ts),
            ts_known=ts,
            side=approval.side,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
            quantity_left=self.left,
        )

    def fold(self, message: OrderSubmitted | OrderAccepted | OrderChanged | Fill) -> None:
        """Take in what an earlier writer told of it."""
        lifecycle = self.lifecycle
        self.number = message.number
        match message:
            case OrderSubmitted():
                lifecycle.apply(Event.SUBMIT)
            case OrderAccepted():
                lifecycle.apply(Event.ACCEPT)
            case Fill():
                if lifecycle.state is not OrderState.LOST:
                    lifecycle.apply(Event.FILL if message.quantity_left else Event.FILL_LAST)
                self.filled += message.quantity
            case OrderChanged():
                if lifecycle.state is Marker.NEW:  # it was kept back, and never sent
                    lifecycle.apply(Event.SUBMIT)
                uncovered = Event.FOUND if lifecycle.state is OrderState.UNKNOWN else Event.CANCEL_REJECT
                lifecycle.apply(_EVENTS.get(message.to_state, uncovered))


def fill_id_of(session_id: str, order_id: str, fill: VenueFill) -> str:
    """The id of a fill: the same however often, and by whatever way, the venue tells it."""
    return make_id("f", session_id, order_id, fill.trade_id)


def safe_id(text: str) -> str:
    """A venue's id as the log can carry it."""
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "_-") else "-" for each in text)
    return kept[:64] or "-"
