"""What we know of our orders: each answer moves an order's state and becomes a message."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from penstock_contracts.base import Message
from penstock_contracts.orders import CancelRequested, OrderApproved
from penstock_contracts.types import Liquidity, OrderState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.ids import make_id

from penstock_execution.paper.state import Answer
from penstock_execution.states import TRANSITIONS, Event, Lifecycle, Marker


class Trade(NamedTuple):
    """What a fill was made at."""

    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity


@dataclass(slots=True)
class ToldOrder:
    """An order and what was said about it: each step moves its state and makes a message."""

    approval: OrderApproved
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    number: int = 0
    """Of the last message about it."""

    def submitted(self, ts: int, ts_effect: int) -> OrderSubmitted:
        """Say that it is in flight."""
        self._next(Event.SUBMIT)
        approval = self.approval
        return OrderSubmitted(
            order_id=approval.order_id,
            client_order_id=approval.client_order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            ts_effect=ts_effect,
        )

    def accepted(self, venue_order_id: str, ts: int) -> OrderAccepted:
        """Say that the venue has it."""
        self._next(Event.ACCEPT)
        approval = self.approval
        return OrderAccepted(
            order_id=approval.order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            venue_order_id=venue_order_id,
        )

    def changed(self, event: Event, ts: int, reason: str) -> OrderChanged:
        """Say what happened to it, other than acceptance and fills."""
        before = self.lifecycle.state
        after = self._next(event)
        approval = self.approval
        return OrderChanged(
            order_id=approval.order_id,
            strategy=approval.strategy,
            instrument=approval.instrument,
            number=self.number,
            ts=ts,
            from_state=OrderState(before) if before is not Marker.NEW else OrderState.IN_FLIGHT,
            to_state=after,
            reason=reason,
        )

    def _fill(self, trade: Trade, fill_id: str, ts: int, ts_known: int, left: Decimal) -> Fill:
        """Tell a trade; the order's state was moved already."""
        approval = self.approval
        return Fill(
            fill_id=fill_id,
            order_id=approval.order_id,
            order_ordinal=approval.ordinal,
            strategy=approval.strategy,
            instrument=approval.instrument,
            venue=approval.instrument.partition(".")[2],
            number=self.number,
            ts=ts,
            ts_known=ts_known,
            side=approval.side,
            price=trade.price,
            quantity=trade.quantity,
            fee=trade.fee,
            fee_currency=trade.fee_currency,
            liquidity=trade.liquidity,
            quantity_left=left,
        )

    def _next(self, event: Event) -> OrderState:
        state = self.lifecycle.apply(event)
        self.number += 1
        return state


@dataclass(slots=True)
class PaperOrder(ToldOrder):
    """An order at the paper venue."""

    def cancel_requested(self, request: CancelRequested) -> OrderChanged:
        """Say that a cancel is on its way."""
        return self.changed(Event.CANCEL_REQUEST, request.ts, request.reason)

    @property
    def replaceable(self) -> bool:
        """Whether another order may be asked to take its place."""
        return Event.REPLACE_REQUEST in TRANSITIONS[self.lifecycle.state]

    def replace_requested(self, by: OrderApproved) -> OrderChanged:
        """Say that another order is on its way to take its place."""
        return self.changed(Event.REPLACE_REQUEST, by.ts, f"replaced by {by.order_id}")

    def answered(self, answer: Answer, session_id: str) -> Message:
        """Say what the venue answered."""
        if answer.event is Event.ACCEPT:
            return self.accepted(f"paper-{answer.arrival}", answer.ts)
        if answer.event is not Event.FILL and answer.event is not Event.FILL_LAST:
            return self.changed(answer.event, answer.ts, answer.reason)
        self._next(answer.event)
        fill_id = make_id("f", session_id, self.approval.order_id, answer.ts, self.number)
        assert answer.price is not None
        assert answer.quantity is not None
        trade = Trade(answer.price, answer.quantity, answer.fee, answer.fee_currency, answer.liquidity)
        return self._fill(trade, fill_id, answer.ts, answer.ts_known, answer.left)


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
