"""Matching against bars.

A bar covers an open interval and is known at its end. So an order sees it when the bar ends after the
order's effect, and a cancel is in time when it takes effect before the bar is known.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import Any, Literal

from numpy.typing import NDArray
from penstock_contracts.market import BarBatch
from penstock_contracts.types import Liquidity
from penstock_kernel.money import from_scaled

from penstock_execution.config import PaperConfig
from penstock_execution.paper.matching import Claim, Offer
from penstock_execution.paper.pricing import contracts_of, taking_price
from penstock_execution.paper.scan import first_candidate
from penstock_execution.paper.state import Market, VenueOrder


@dataclass(frozen=True, slots=True)
class BarMatcher:
    """Fills by bars: the open fills what takes, a bar through its limit what rests."""

    config: PaperConfig
    kind: Literal["bar"] = "bar"

    def counts(self, market: Market, batch: BarBatch) -> bool:
        """Where there are no trades, and of several lengths of bars the shortest."""
        return market.kind in (None, "bar") and (
            not market.bar_interval or batch.interval <= market.bar_interval
        )

    def first_row(self, batch: BarBatch, orders: list[VenueOrder], start: int) -> int:
        """See `Matcher`."""
        return first_candidate(batch, batch.ts_event, batch.ts_init, orders, start, _reached)

    def seeing(self, batch: BarBatch, row: int, orders: list[VenueOrder]) -> list[VenueOrder]:
        """Those in effect before the bar's end and not cancelled before it was known."""
        ts_end, ts_known = int(batch.ts_event[row]), int(batch.ts_init[row])
        return [order for order in orders if order.ts_effect < ts_end and ts_known <= order.ts_cancel]

    def offer(self, market: Market, batch: BarBatch, row: int, orders: list[VenueOrder]) -> Offer:
        """See `Matcher`; what is available is the configured share of the bar's volume."""
        scale = batch.price_scale
        first = from_scaled(int(batch.open[row]), scale)
        low = from_scaled(int(batch.low[row]), scale)
        high = from_scaled(int(batch.high[row]), scale)
        claims = []
        for order in orders:
            if order.limit is None:
                claims.append(
                    Claim(order, taking_price(first, order.sign, None, self.config), Liquidity.TAKER)
                )
                continue
            opens_beyond = order.sign * (order.limit - first) > 0
            if not order.resting:
                if opens_beyond:
                    claims.append(Claim(order, first, Liquidity.TAKER))
                    continue
                if order.immediate:
                    continue
                order.resting = True
            if order.sign * (order.limit - (low if order.sign > 0 else high)) > 0:
                claims.append(Claim(order, first if opens_beyond else order.limit, Liquidity.MAKER))
        volume = from_scaled(int(batch.volume[row]), batch.size_scale)
        available = contracts_of(market.instrument, volume, low, high) * self.config.participation
        return Offer(claims, first, available)

    def fill_time(self, batch: BarBatch, row: int, order: VenueOrder) -> int:
        """The later of the bar's start and the order's effect, ns."""
        return max(int(batch.ts_event[row]) - batch.interval, order.ts_effect)

    def remember(self, market: Market, batch: BarBatch) -> None:
        """The last price, its time, and the bars' length."""
        market.last = int(batch.close[-1])
        market.last_scale = batch.price_scale
        market.ts_last = int(batch.ts_init[-1])
        market.bar_interval = batch.interval


def _reached(batch: BarBatch, order: VenueOrder, rows: slice) -> NDArray[Any]:
    assert order.limit is not None
    scaled = order.limit.scaleb(batch.price_scale)
    return batch.low[rows] < ceil(scaled) if order.sign > 0 else batch.high[rows] > floor(scaled)
