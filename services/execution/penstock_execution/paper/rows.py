"""Rows of trades and bars past the orders, one after another where they may matter."""

from decimal import Decimal
from typing import Any

from penstock_kernel.money import ZERO

from penstock_execution.paper.lives import Lives, in_time, unfilled
from penstock_execution.paper.matching import Matcher, Offer, Opened, shares
from penstock_execution.paper.state import Market
from penstock_execution.states import Event


class RowsPast(Lives):
    """Lets a matcher fill orders row by row."""

    def _match_rows(self, matcher: Matcher[Any], market: Market, batch: Any, begin: int, end: int) -> None:
        done, row = begin, matcher.first_row(batch, market.orders, range(begin, end))
        while row < end:
            matcher.follow(batch, market.orders, done, row)
            self._match_row(matcher, market, batch, row)
            done = row + 1
            row = matcher.first_row(batch, market.orders, range(done, end)) if market.orders else end
        matcher.follow(batch, market.orders, done, end)

    def _match_row(self, matcher: Matcher[Any], market: Market, batch: Any, row: int) -> None:
        seeing = matcher.seeing(batch, row, market.orders)
        if not all(order.arrived for order in seeing):
            late = [order for order in seeing if not order.arrived]
            for order in sorted(late, key=in_time):
                self._arrive(market, order, matcher.last_before(market, batch, row))
                if order.post_only and order.arrived:
                    matcher.rest(market, batch, row, order)
            seeing = matcher.seeing(batch, row, market.orders)
        at_once = [order for order in seeing if order.immediate]
        untriggered = {order.order_id for order in at_once if order.waiting}
        offer = matcher.offer(market, batch, row, seeing)
        taken, opened = self._share(matcher, market, batch, row, offer)
        for child, share in opened:
            # The price that filled its parent shows whether it would take.
            base = share.price if share.base is None else share.base
            if child.limit is not None and not child.waiting and child.sign * (child.limit - base) <= 0:
                matcher.rest(market, batch, row, child)
        if opened and matcher.triggers_take:
            claims = matcher.entered(batch, row, opened)
            left = Offer(claims, offer.reference, offer.available - taken)
            self._share(matcher, market, batch, row, left)
        for order in at_once:
            if order.waiting or order.order_id not in self._orders:
                continue
            if matcher.triggers_take or order.order_id not in untriggered:
                ts = matcher.fill_time(batch, row, order)
                self._end(market, order, Event.CANCEL, ts, unfilled(order))

    def _share(
        self, matcher: Matcher[Any], market: Market, batch: Any, row: int, offer: Offer
    ) -> tuple[Decimal, list[Opened]]:
        """Fill by an offer. Returns the quantity taken, and the orders set to work by a parent's share."""
        taken, opened = ZERO, []
        for share in shares(offer, market.instrument.lot_size, lambda order: self.room(market, order)):
            children = self.fill(market, share, matcher.fill_time(batch, row, share.order))
            opened += [(child, share) for child in children]
            taken += share.quantity
        return taken, opened
