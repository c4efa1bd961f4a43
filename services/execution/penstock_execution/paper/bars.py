"""Matching against bars.

A bar covers an open interval and is known at its end. So an order sees it when the bar ends after the
order's effect, and a cancel is in time when it takes effect before the bar is known. What happens at its
open comes first; of what happens within it the worse for us: stops, then limits, then take-profits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import Literal, NamedTuple

from penstock_contracts.market import BarBatch
from penstock_contracts.types import Liquidity
from penstock_kernel.money import from_scaled

from penstock_execution.config import PaperConfig
from penstock_execution.paper.entry import follow_price
from penstock_execution.paper.matching import AT_ONCE, RESTED, STOPPED, TOUCHED, Claim, Offer, Opened
from penstock_execution.paper.pricing import contracts_of, taking_price
from penstock_execution.paper.scan import Hits, first_candidate, seen_rows, trailed_rows
from penstock_execution.paper.state import Market, VenueOrder


class BarPrices(NamedTuple):
    """One bar's prices."""

    first: Decimal
    high: Decimal
    low: Decimal
    last: Decimal

    def toward(self, sign: int) -> Decimal:
        """The high for +1, the low for -1."""
        return self.high if sign > 0 else self.low


@dataclass(frozen=True, slots=True)
class BarMatcher:
    """Fills by bars: the open fills what takes, a bar through its limit what rests."""

    config: PaperConfig
    kind: Literal["bar"] = "bar"
    triggers_take: bool = True

    def counts(self, market: Market, batch: BarBatch) -> bool:
        """Where there is nothing better, and of several lengths of bars the shortest."""
        return market.kind in (None, "bar") and (
            not market.bar_interval or batch.interval <= market.bar_interval
        )

    def first_row(self, batch: BarBatch, orders: list[VenueOrder], rows: range) -> int:
        """See `Matcher`."""
        return first_candidate(batch, batch.ts_event, batch.ts_init, orders, rows, _reached, _trailed)

    def seeing(self, batch: BarBatch, row: int, orders: list[VenueOrder]) -> list[VenueOrder]:
        """Those in effect before the bar's end and not cancelled before it was known."""
        ts_end, ts_known = batch.ts_event.item(row), batch.ts_init.item(row)
        return [
            order
            for order in orders
            if order.ts_effect < ts_end and ts_known <= order.ts_cancel and not order.held
        ]

    def offer(self, market: Market, batch: BarBatch, row: int, orders: list[VenueOrder]) -> Offer:
        """See `Matcher`; what is available is the configured share of the bar's volume."""
        prices = _prices(batch, row)
        claims = [claim for order in orders if (claim := self._claim(order, prices)) is not None]
        volume = from_scaled(batch.volume.item(row), batch.size_scale)
        available = (
            contracts_of(market.instrument, volume, prices.low, prices.high) * self.config.participation
        )
        return Offer(claims, prices.first, available)

    def _claim(self, order: VenueOrder, prices: BarPrices) -> Claim | None:
        first, sign = prices.first, order.sign
        if order.waiting:
            return self._triggered_claim(order, prices)
        if order.limit is None:
            return Claim(order, taking_price(first, sign, None, self.config), Liquidity.TAKER, base=first)
        opens_beyond = sign * (order.limit - first) > 0
        if not order.resting:
            if opens_beyond:
                return Claim(order, first, Liquidity.TAKER)
            if order.immediate:
                return None
            order.resting = True
        if opens_beyond:
            return Claim(order, first, Liquidity.MAKER)
        return _limit_claim(order, prices)

    def _triggered_claim(self, order: VenueOrder, prices: BarPrices) -> Claim | None:
        """What a bar offers to an order that waits, if it triggers it."""
        follow_price(order, prices.first)
        assert order.trigger is not None
        up = order.trigger_sign
        if up * (prices.first - order.trigger) >= 0:
            return self._take(order, prices.first, AT_ONCE)
        stops = up == order.sign
        if up * (prices.toward(up) - order.trigger) >= 0:
            return self._take(order, order.trigger, STOPPED if stops else TOUCHED)
        if order.trail is not None:
            follow_price(order, prices.toward(-up))
            if up * (prices.last - order.trigger) >= 0:
                return self._take(order, order.trigger, STOPPED)
        return None

    def _take(self, order: VenueOrder, price: Decimal, rank: int) -> Claim | None:
        """A triggered order at market, or if its limit allows at once; else it rests from here on."""
        order.waiting = False
        if order.limit is not None and order.sign * (order.limit - price) <= 0:
            order.resting = not order.immediate
            return None
        cost = taking_price(price, order.sign, order.limit, self.config)
        return Claim(order, cost, Liquidity.TAKER, base=price, rank=rank)

    def entered(self, batch: BarBatch, row: int, opened: Sequence[Opened]) -> list[Claim]:
        """What the bar that filled a parent still offers to the orders that this set to work.

        The stop counts whatever the bar's range reaches, before or after; the limit only what comes after
        for certain, which is all of it where the parent filled at the open.
        """
        bar = _prices(batch, row)
        claims = []
        for order, share in opened:
            at_open = share.rank == AT_ONCE
            if order.waiting:
                base = share.price if share.base is None else share.base
                claim = self._triggered_claim(order, _since(bar, base, order.trigger_sign, at_open=at_open))
            else:
                claim = self._claim(order, bar) if at_open else None
            if claim is not None:
                claims.append(claim)
        return claims

    def follow(self, batch: BarBatch, orders: list[VenueOrder], begin: int, end: int) -> None:
        """See `Matcher`."""
        for order in orders:
            if order.waiting and order.trail is not None and not order.held:
                rows = seen_rows(batch.ts_event, batch.ts_init, order, begin, end)
                if rows.start < rows.stop:
                    best = batch.high[rows].max() if order.trigger_sign < 0 else batch.low[rows].min()
                    follow_price(order, from_scaled(int(best), batch.price_scale))

    def last_before(self, market: Market, batch: BarBatch, row: int) -> Decimal | None:
        """See `Matcher`."""
        return from_scaled(int(batch.close[row - 1]), batch.price_scale) if row else market.price

    def rest(self, _market: Market, _batch: BarBatch, _row: int, order: VenueOrder, /) -> None:
        """See `Matcher`."""
        order.resting = True

    def fill_time(self, batch: BarBatch, row: int, order: VenueOrder) -> int:
        """The later of the bar's start and the order's effect, ns."""
        return max(batch.ts_event.item(row) - batch.interval, order.ts_effect)

    def remember(self, market: Market, batch: BarBatch, end: int) -> None:
        """The last price, its time, and the bars' length."""
        market.last = batch.close.item(end - 1)
        market.last_scale = batch.price_scale
        market.ts_last = batch.ts_init.item(end - 1)
        market.bar_interval = batch.interval


def _prices(batch: BarBatch, row: int) -> BarPrices:
    scale = batch.price_scale
    return BarPrices(
        from_scaled(batch.open.item(row), scale),
        from_scaled(batch.high.item(row), scale),
        from_scaled(batch.low.item(row), scale),
        from_scaled(batch.close.item(row), scale),
    )


def _since(bar: BarPrices, base: Decimal, trigger_sign: int, *, at_open: bool) -> BarPrices:
    """The bar as a stop counts it that begins at `base`: its worst in full, its best only if that is sure."""
    if at_open:
        return bar._replace(first=base)
    if trigger_sign < 0:
        return bar._replace(first=base, high=max(base, bar.last))
    return bar._replace(first=base, low=min(base, bar.last))


def _limit_claim(order: VenueOrder, bar: BarPrices) -> Claim | None:
    """What a bar that goes through the limit offers to an order that rests there."""
    assert order.limit is not None
    if order.sign * (order.limit - bar.toward(-order.sign)) <= 0:
        return None
    return Claim(order, order.limit, Liquidity.MAKER, rank=RESTED)


def _reached(batch: BarBatch, order: VenueOrder, rows: slice) -> Hits:
    hits: Hits
    if order.waiting:
        assert order.trigger is not None
        at = order.trigger.scaleb(batch.price_scale)
        hits = batch.high[rows] >= ceil(at) if order.trigger_sign > 0 else batch.low[rows] <= floor(at)
        return hits
    assert order.limit is not None
    scaled = order.limit.scaleb(batch.price_scale)
    hits = batch.low[rows] < ceil(scaled) if order.sign > 0 else batch.high[rows] > floor(scaled)
    return hits


def _trailed(batch: BarBatch, order: VenueOrder, rows: slice) -> Hits:
    sign = -order.trigger_sign
    better, worse = (batch.high, batch.low) if sign > 0 else (batch.low, batch.high)
    return trailed_rows(
        order,
        batch.price_scale,
        sign * batch.open[rows],
        sign * better[rows],
        sign * worse[rows],
        sign * batch.close[rows],
    )
