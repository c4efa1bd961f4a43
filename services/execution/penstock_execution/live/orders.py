"""One order at a live venue: its state, and what is told of it."""

from dataclasses import dataclass
from decimal import Decimal

from penstock_contracts.types import OrderState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.ids import make_id
from penstock_kernel.money import ZERO
from penstock_venues.gateway import VenueFill, VenueOrder

from penstock_execution.orders import ToldOrder, Trade
from penstock_execution.states import TRANSITIONS, Event, Marker

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
class LiveOrder(ToldOrder):
    """An approved order as the log and the venue have told of it."""

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

    def fill(self, fill: VenueFill, fill_id: str, ts: int) -> Fill:
        """Say that it filled. An order that was given up for lost stays lost."""
        if self.lifecycle.state is not OrderState.LOST:
            self.lifecycle.apply(Event.FILL_LAST if fill.quantity == self.left else Event.FILL)
        self.filled += fill.quantity
        self.number += 1
        trade = Trade(fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.liquidity)
        return self._fill(trade, fill_id, min(fill.ts, ts), ts, self.left)

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
