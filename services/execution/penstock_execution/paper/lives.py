"""The orders at the venue: how each arrives, fills and ends, and what else ends with it."""

from decimal import Decimal

from penstock_kernel.ledger import plain
from penstock_kernel.money import ZERO

from penstock_execution.config import PaperConfig
from penstock_execution.paper.continuous import ContinuousMatcher
from penstock_execution.paper.links import (
    Ending,
    activated_by,
    book_fill,
    ended_by_end,
    ended_by_fill,
    inherit,
    room,
)
from penstock_execution.paper.matching import Share
from penstock_execution.paper.pricing import fee_of
from penstock_execution.paper.standing import crosses, usable
from penstock_execution.paper.state import Answer, Market, PaperState, VenueOrder
from penstock_execution.states import Event

STANDING = ("quote", "book")
"""Kinds of data that can be taken at any time."""


class Lives:
    """Every order of ours at the venue, and the answers about it."""

    def __init__(self, config: PaperConfig) -> None:
        self.config = config
        self.state = PaperState()
        self._orders: dict[str, tuple[Market, VenueOrder]] = {}
        self._continuous = ContinuousMatcher(self)

    def room(self, market: Market, order: VenueOrder) -> Decimal:
        """How much of an order may fill; zero of one that is over."""
        return room(market, order) if order.order_id in self._orders else ZERO

    def works(self, order: VenueOrder) -> bool:
        """Whether it is not over."""
        return order.order_id in self._orders

    def cut_off(self, market: Market, order: VenueOrder, ts: int) -> None:
        """Cancel what an IOC or a FOK did not get."""
        self._end(market, order, Event.CANCEL, ts, unfilled(order))

    def arrive_before(self, market: Market, ts: int) -> None:
        """Let the orders of a market arrive that take effect before a time."""
        late = [order for order in market.orders if not order.arrived and order.ts_effect < ts]
        for order in sorted(late, key=in_time):
            self._arrive(market, order, market.price)

    def _arrive_until(self, end: int) -> None:
        """Orders that took effect while no datum came."""
        late = [order for _, order in self._orders.values() if not order.arrived and order.ts_effect <= end]
        for order in sorted(late, key=in_time):
            market = self._orders[order.order_id][0]
            self._arrive(market, order, market.price)

    def _arrive(self, market: Market, order: VenueOrder, price: Decimal | None) -> None:
        """Accept an order or reject it, as the market and our other orders are at its effect."""
        order.arrived = True
        entry = self._orders.get(order.replaces)
        old = entry[1] if entry is not None else None
        refusal = _too_late(order, old) if order.replaces else ""
        if not refusal and order.reduce_only and room(market, order) <= 0:
            refusal = "venue: reduce-only, and there is nothing to reduce"
        if not refusal and order.post_only and price is not None:
            assert order.limit is not None
            standing = market.kind in STANDING
            if crosses(market, order) if standing else order.sign * (order.limit - price) > 0:
                refusal = "venue: post-only, and it would take"
        if refusal:
            self._end(market, order, Event.REJECT, order.ts_effect, refusal)
            if old is not None:
                self._answer(old, Event.REPLACE_REJECT, order.ts_effect, refusal)
            return
        if old is not None:
            inherit(order, old)
            self._remove(market, old)
            self._answer(old, Event.REPLACE, order.ts_effect)
        self._answer(order, Event.ACCEPT, order.ts_effect)
        if market.kind in STANDING and market.trading and usable(market) and not order.held:
            self._continuous.meet(market, [order], order.ts_effect)

    def fill(self, market: Market, share: Share, ts: int) -> list[VenueOrder]:
        """Book a fill. Returns the orders that it sets to work."""
        order, price, liquidity, quantity = share[:4]
        if market.hours is not None and market.hours.open:
            ts = max(ts, market.hours.since)  # a bar may have begun before the market opened
        order.left -= quantity
        answer = self._answer(order, Event.FILL if order.left else Event.FILL_LAST, ts)
        # Without trailing zeros: the scale of the data leaves no trace in a fill.
        answer.price = plain(price)
        answer.quantity = plain(quantity)
        answer.fee = plain(fee_of(market.instrument, quantity, price, liquidity, self.config))
        answer.fee_currency = market.instrument.settlement
        answer.liquidity = liquidity
        answer.left = plain(order.left)
        book_fill(market, order, quantity)
        if not order.left:
            self._remove(market, order)
        if not market.orders:
            return []
        opened = activated_by(market, order, ts)
        self._end_others(market, ended_by_fill(market, order), ts)
        return opened

    def _end(self, market: Market, order: VenueOrder, event: Event, ts: int, reason: str) -> None:
        """It is over without a fill, and so are those that depend on it."""
        self._remove(market, order)
        self._answer(order, event, ts, reason)
        self._end_others(market, ended_by_end(market, order), ts)

    def _end_others(self, market: Market, endings: list[Ending], ts: int) -> None:
        for order, reason in endings:
            if order.order_id in self._orders:
                self._end(market, order, Event.CANCEL, max(ts, order.ts_effect), reason)

    def _remove(self, market: Market, order: VenueOrder) -> None:
        market.orders.remove(order)
        del self._orders[order.order_id]

    def _answer(self, order: VenueOrder, event: Event, ts: int, reason: str = "") -> Answer:
        order.answers += 1
        answer = Answer(
            order_id=order.order_id,
            arrival=order.arrival,
            sequence=order.answers,
            event=event,
            ts=ts,
            ts_known=ts + self.config.response_latency_ns,
            reason=reason,
        )
        self.state.answers.append(answer)
        return answer


def in_time(order: VenueOrder) -> tuple[int, int]:
    """The order in which orders arrive."""
    return order.ts_effect, order.arrival


def _too_late(order: VenueOrder, old: VenueOrder | None) -> str:
    if old is None:
        return "venue: the order to replace is over"
    return "" if old.left == order.replaces_left else "venue: the order to replace has filled meanwhile"


def unfilled(order: VenueOrder) -> str:
    """Why what an IOC or a FOK did not get is cancelled."""
    return "fok" if order.whole else "ioc"
