"""What we know of our orders: each answer moves an order's state and becomes a message."""

from dataclasses import dataclass, field

from penstock_contracts.base import Message
from penstock_contracts.orders import CancelRequested, OrderApproved
from penstock_contracts.types import OrderState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.ids import make_id

from penstock_execution.paper.state import Answer
from penstock_execution.states import TRANSITIONS, Event, Lifecycle, Marker


@dataclass(slots=True)
class TrackedOrder:
    """An order as we know it: what was approved, and what was said about it so far."""

    approval: OrderApproved
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    number: int = 0
    """Of the last message about it."""

    def submitted(self, ts_effect: int) -> OrderSubmitted:
        """Say that it is in flight."""
        self._next(Event.SUBMIT)
        approval = self.approval
        return OrderSubmitted(
            order_id=approval.order_id,
            client_order_id=approval.client_order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=approval.ts,
            ts_effect=ts_effect,
        )

    def cancel_requested(self, request: CancelRequested) -> OrderChanged:
        """Say that a cancel is on its way."""
        return self._changed(Event.CANCEL_REQUEST, request.ts, request.reason)

    @property
    def replaceable(self) -> bool:
        """Whether another order may be asked to take its place."""
        return Event.REPLACE_REQUEST in TRANSITIONS[self.lifecycle.state]

    def replace_requested(self, by: OrderApproved) -> OrderChanged:
        """Say that another order is on its way to take its place."""
        return self._changed(Event.REPLACE_REQUEST, by.ts, f"replaced by {by.order_id}")

    def answered(self, answer: Answer, session_id: str) -> Message:
        """Say what the venue answered."""
        if answer.event is Event.FILL or answer.event is Event.FILL_LAST:
            return self._filled(answer, session_id)
        if answer.event is not Event.ACCEPT:
            return self._changed(answer.event, answer.ts, answer.reason)
        self._next(Event.ACCEPT)
        approval = self.approval
        return OrderAccepted(
            order_id=approval.order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=answer.ts,
            venue_order_id=f"paper-{answer.arrival}",
        )

    def _filled(self, answer: Answer, session_id: str) -> Fill:
        self._next(answer.event)
        approval = self.approval
        assert answer.price is not None
        assert answer.quantity is not None
        return Fill(
            fill_id=make_id("f", session_id, approval.order_id, answer.ts, self.number),
            order_id=approval.order_id,
            order_ordinal=approval.ordinal,
            strategy=approval.strategy,
            instrument=approval.instrument,
            venue=approval.instrument.partition(".")[2],
            number=self.number,
            ts=answer.ts,
            ts_known=answer.ts_known,
            side=approval.side,
            price=answer.price,
            quantity=answer.quantity,
            fee=answer.fee,
            fee_currency=answer.fee_currency,
            liquidity=answer.liquidity,
            quantity_left=answer.left,
        )

    def _changed(self, event: Event, ts: int, reason: str) -> OrderChanged:
        before = self.lifecycle.state
        assert before is not Marker.NEW
        after = self._next(event)
        approval = self.approval
        return OrderChanged(
            order_id=approval.order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            from_state=OrderState(before),
            to_state=after,
            reason=reason,
        )

    def _next(self, event: Event) -> OrderState:
        state = self.lifecycle.apply(event)
        self.number += 1
        return state


def blocked(approval: OrderApproved, reason: str) -> OrderChanged:
    """Say that an order was kept back: the first and last message about it, for it was never sent."""
    return OrderChanged(
        order_id=approval.order_id,
        strategy=approval.strategy,
        instrument=approval.instrument,
        number=1,
        ts=approval.ts,
        from_state=OrderState.IN_FLIGHT,
        to_state=OrderState.REJECTED,
        reason=reason,
    )
