"""What we know of our orders at a live venue, and what follows from what it says. No clock, no network.

1. An order's end is told only when the fills that we know add up to what the venue says was filled.
2. A fill is known by the venue's id of it: told twice, by stream and by query, it is booked once.
3. An order that nobody at the venue knows is lost after a bound, and never sent again. One that turns up
   after that is cancelled, what it filled is booked, and trading halts.
4. What the venue has that nobody here sent is external: shown, and left alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from penstock_contracts.base import Message
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import OrderState
from penstock_contracts.venue import BalanceChanged, Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.errors import HaltError
from penstock_venues.gateway import Standing, VenueBalance, VenueFill, VenueOrder

from penstock_execution.live.orders import LiveOrder, fill_id_of, safe_id
from penstock_execution.states import Event

Say = Callable[[Message], None]
Told = OrderSubmitted | OrderAccepted | OrderChanged | Fill
_ENDS = {
    Standing.CANCELLED: Event.CANCEL,
    Standing.EXPIRED: Event.EXPIRE,
    Standing.REJECTED: Event.REJECT,
}

REASON_MAX = 2000
"""Characters of a venue's reason that are kept."""


@dataclass(slots=True)
class Tally:
    """Counts for the operator."""

    submitted: int = 0
    blocked: int = 0
    fills: int = 0
    unknown: int = 0
    adopted: int = 0
    lost: int = 0
    external: dict[str, VenueOrder] = field(default_factory=dict)
    """Orders at the venue that nobody here sent, by the venue's id."""


class LiveDesk:
    """The orders of one session at one venue.

    `say` puts a message out, `now` gives event time, `alarm` halts trading for a reason.
    """

    def __init__(
        self, venue: str, session_id: str, say: Say, now: Callable[[], int], alarm: Callable[[str], None]
    ) -> None:
        self._venue = venue
        self._session_id = session_id
        self._say, self._now, self._alarm = say, now, alarm
        self.orders: dict[str, LiveOrder] = {}
        """All of the session, by client order id."""
        self.working: dict[str, LiveOrder] = {}
        """Those that are not over, likewise."""
        self.strays: dict[str, LiveOrder] = {}
        """Given up for lost, and found working."""
        self.lost: dict[str, LiveOrder] = {}
        """Given up, likewise: they may still turn up."""
        self._booked: set[str] = set()
        self._balances: dict[str, tuple[str, str]] = {}
        self.tally = Tally()

    # --- What we do ----------------------------------------------------------------------------------

    def block(self, approval: OrderApproved, rule: str) -> None:
        """An approval that the guard does not let pass: its first and last message."""
        order = self.orders[approval.client_order_id] = LiveOrder(approval)
        order.lifecycle.apply(Event.SUBMIT)
        self._say(order.changed(Event.REJECT, self._now(), f"guard:{rule}"))
        self.tally.blocked += 1

    def submit(self, approval: OrderApproved) -> LiveOrder:
        """An order that is being sent."""
        order = LiveOrder(approval)
        self.orders[approval.client_order_id] = self.working[approval.client_order_id] = order
        now = self._now()
        self._say(order.submitted(now, now))
        self.tally.submitted += 1
        return order

    def not_sent(self, order: LiveOrder, reason: str) -> None:
        """It did not leave: nothing was asked of the venue."""
        if order.state is OrderState.CANCEL_PENDING:
            self._change(order, Event.CANCEL, reason)
        else:
            self._change(order, Event.REJECT, reason)

    def unanswered(self, order: LiveOrder) -> None:
        """The request got no clear answer. One that a cancel follows is chased by that."""
        if order.state is OrderState.IN_FLIGHT:
            self._change(order, Event.ANSWER_LOST, "no clear answer")
            self.tally.unknown += 1

    def request_cancel(self, order: LiveOrder, reason: str) -> None:
        """Ask for its end, if it was not asked for."""
        if order.can(Event.CANCEL_REQUEST):
            self._change(order, Event.CANCEL_REQUEST, reason)

    # --- What the venue says -------------------------------------------------------------------------

    def refused(self, order: LiveOrder, reason: str) -> None:
        """The venue will not have it."""
        if order.can(Event.REJECT):
            self._change(order, Event.REJECT, reason)

    def report(self, found: VenueOrder) -> None:
        """An order as the venue has it now, or had it a moment ago."""
        order = self.orders.get(found.client_order_id)
        if order is None:
            self._external(found)
        elif order.over:
            self._report_over(order, found)
        elif found.standing.over:
            order.end = found
            self._close(order)
        else:
            self._report_working(order, found)

    def _report_working(self, order: LiveOrder, found: VenueOrder) -> None:
        if order.state is OrderState.UNKNOWN:
            self._change(order, Event.FOUND, "found at the venue")
            self.tally.adopted += 1
        elif order.state is OrderState.IN_FLIGHT or (
            order.state is OrderState.CANCEL_PENDING and order.lifecycle.below is OrderState.IN_FLIGHT
        ):
            self._say(order.accepted(safe_id(found.venue_order_id), self._now()))
        if order.end is None:
            order.fills_wanted = found.quantity_filled > order.filled

    def _report_over(self, order: LiveOrder, found: VenueOrder) -> None:
        if order.state is not OrderState.LOST:
            return
        if not found.standing.over:
            self.strays[found.client_order_id] = order
            self._alarm(f"order {found.client_order_id} was given up for lost and works at the venue")
        else:
            self.strays.pop(found.client_order_id, None)
        order.fills_wanted = found.quantity_filled > order.filled

    def cancel_refused(self, order: LiveOrder, found: VenueOrder) -> None:
        """The venue would not cancel an order that works there all the same."""
        self.report(found)
        if order.state is OrderState.CANCEL_PENDING and order.end is None:
            self._change(order, Event.CANCEL_REJECT, "the venue did not cancel it")

    def not_found(self, order: LiveOrder) -> None:
        """The venue has not known it for as long as it could have been on its way."""
        if order.can(Event.NOT_FOUND):
            self._change(order, Event.NOT_FOUND, "the venue does not know it")
            self.tally.lost += 1
        else:  # it was accepted once: whatever works of it shall not
            self.request_cancel(order, "the venue does not know it any more")

    def fill(self, fill: VenueFill) -> None:
        """A fill. HaltError when it contradicts what the venue said before."""
        order = self.orders.get(fill.client_order_id)
        if order is None:
            return  # of an external order
        fill_id = fill_id_of(self._session_id, order.approval.order_id, fill)
        if fill_id in self._booked:
            return
        lost = order.state is OrderState.LOST
        if fill.side is not order.approval.side or fill.quantity > order.left or (order.over and not lost):
            raise HaltError(
                f"{self._venue} says that it filled {fill.side} {fill.quantity} of order "
                f"{fill.client_order_id}, which is {order.state} with {order.left} left"
            )
        self._booked.add(fill_id)
        self._say(order.fill(fill, fill_id, self._now()))
        self.tally.fills += 1
        if lost:
            self._alarm(f"order {fill.client_order_id} was given up for lost and has filled")
        elif order.over:
            del self.working[fill.client_order_id]
        else:
            self._close(order)

    def balance(self, balance: VenueBalance) -> None:
        """What the account holds; told when it is news."""
        seen = (str(balance.total), str(balance.available))
        if self._balances.get(balance.currency) == seen:
            return
        self._balances[balance.currency] = seen
        self._say(
            BalanceChanged(
                venue=self._venue,
                currency=balance.currency,
                ts=self._now(),
                total=balance.total,
                available=balance.available,
                reason="venue",
            )
        )

    def _close(self, order: LiveOrder) -> None:
        """Tell the end that the venue has told, once all its fills are known."""
        end = order.end
        if end is None:
            return
        order.fills_wanted = order.filled < end.quantity_filled or end.standing is Standing.FILLED
        if order.fills_wanted:
            return
        event = _ENDS[end.standing]
        if not order.can(event):  # rejected after it was accepted: it is over, and was not filled
            event = Event.CANCEL
        self._change(order, event, end.reason)

    def _change(self, order: LiveOrder, event: Event, reason: str) -> None:
        self._say(order.changed(event, self._now(), reason[:REASON_MAX]))
        if order.over:
            self._leave(order)

    def _leave(self, order: LiveOrder) -> None:
        key = order.approval.client_order_id
        self.working.pop(key, None)
        if order.state is OrderState.LOST:
            self.lost[key] = order

    def _external(self, found: VenueOrder) -> None:
        if found.standing.over:
            self.tally.external.pop(found.venue_order_id, None)
        else:
            self.tally.external[found.venue_order_id] = found

    # --- What an earlier writer told -----------------------------------------------------------------

    def fold(self, message: Told, approval: OrderApproved) -> None:
        """Take in a message about an order that an earlier writer put out."""
        key = approval.client_order_id
        order = self.orders.get(key)
        if order is None:
            order = self.orders[key] = self.working[key] = LiveOrder(approval)
        order.fold(message)
        if isinstance(message, Fill):
            self._booked.add(message.fill_id)
        if order.over:
            self._leave(order)
