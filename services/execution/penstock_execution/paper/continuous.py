"""Matching against what stands: quotes and books, update by update."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from penstock_contracts.market import BookBatch, QuoteBatch
from penstock_kernel.money import ZERO

from penstock_execution.paper.calm import Piece, let_pass, pieces
from penstock_execution.paper.entry import follow_price, triggered_by
from penstock_execution.paper.matching import Share
from penstock_execution.paper.standing import (
    apply_book,
    apply_quote,
    crosses,
    line_up,
    standing_of,
    takes,
    touch,
    usable,
    whole_there,
)
from penstock_execution.paper.state import Market, VenueOrder

StandingBatch = QuoteBatch | BookBatch


class Floor(Protocol):
    """What the venue does for a matcher."""

    def arrive_before(self, market: Market, ts: int) -> None:
        """Let the orders arrive that take effect before a time."""
        ...

    def fill(self, market: Market, share: Share, ts: int) -> list[VenueOrder]:
        """Book a fill. Returns the orders that it sets to work."""
        ...

    def cut_off(self, market: Market, order: VenueOrder, ts: int) -> None:
        """Cancel what an IOC or a FOK did not get."""
        ...

    def room(self, market: Market, order: VenueOrder) -> Decimal:
        """How much of an order may fill; zero of one that is over."""
        ...

    def works(self, order: VenueOrder) -> bool:
        """Whether it is not over."""
        ...


@dataclass(frozen=True, slots=True)
class ContinuousMatcher:
    """Lets orders meet quotes and books."""

    floor: Floor

    def match(self, market: Market, batch: StandingBatch, stop: Callable[[], bool] = lambda: False) -> int:
        """Let a batch pass. With `stop`: returns the first row of the update after which it is true."""
        rows = len(batch.ts_init)
        begin = 0
        if market.orders and market.trading:
            for end, complete, calm in _updates(market, batch):
                if calm:
                    assert isinstance(batch, BookBatch)
                    let_pass(market, batch, begin, end)
                    begin = end
                    continue
                ts = batch.ts_init.item(begin)
                self.floor.arrive_before(market, ts)
                _apply(market, batch, begin, end)
                if complete and usable(market):
                    seeing = [
                        each
                        for each in market.orders
                        if each.arrived and not each.held and each.ts_effect < ts <= each.ts_cancel
                    ]
                    self.meet(market, seeing, ts)
                if stop():
                    return begin
                begin = end
                if not market.orders:
                    break
        _apply(market, batch, begin, rows)
        market.ts_last = batch.ts_init.item(-1)
        return rows

    def meet(self, market: Market, orders: list[VenueOrder], ts: int) -> None:
        """Let orders take from what stands, the best first, and then those that this sets to work."""
        while orders:
            opened: list[VenueOrder] = []
            for order in sorted(orders, key=_priority):
                if self.floor.works(order):
                    opened += self._meet_one(market, order, ts)
            orders = opened

    def _meet_one(self, market: Market, order: VenueOrder, ts: int) -> list[VenueOrder]:
        if order.waiting:
            price = touch(market, order.sign)
            if price is None:
                return []
            if not triggered_by(order, price):
                follow_price(order, price)
                return []
            order.waiting = False
        if order.whole and not whole_there(market, order):
            self.floor.cut_off(market, order, ts)
            return []
        opened, took = self._take(market, order, ts)
        if not self.floor.works(order):
            return opened
        if order.immediate:
            self.floor.cut_off(market, order, ts)
        elif order.limit is None:
            order.chasing = order.chasing or (took and market.kind == "quote")
        else:
            order.resting = True
            line_up(market, order)
        return opened

    def _take(self, market: Market, order: VenueOrder, ts: int) -> tuple[list[VenueOrder], bool]:
        opened: list[VenueOrder] = []
        took = False
        if order.limit is not None and not crosses(market, order):
            return opened, took
        for price, quantity, liquidity in list(takes(market, order, self.floor.room(market, order))):
            opened += self.floor.fill(market, Share(order, price, liquidity, quantity), ts)
            took = True
        return opened, took


def _updates(market: Market, batch: StandingBatch) -> Iterator[Piece]:
    """The updates, and whether they are complete: the last of a book may go on in the next batch."""
    if isinstance(batch, BookBatch):
        return pieces(market, batch)
    return (Piece(end, complete=True, calm=False) for end in range(1, len(batch.ts_init) + 1))


def _apply(market: Market, batch: StandingBatch, begin: int, end: int) -> None:
    if begin >= end:
        return
    if isinstance(batch, QuoteBatch):
        apply_quote(standing_of(market), batch, end - 1)
    else:
        apply_book(standing_of(market), batch, begin, end)


def _priority(order: VenueOrder) -> tuple[bool, Decimal, int, int]:
    if order.limit is None:
        return False, ZERO, order.ts_effect, order.arrival
    return True, -order.sign * order.limit, order.ts_effect, order.arrival
