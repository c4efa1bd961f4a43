"""Matching against trades."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import Literal

from penstock_contracts.columns import I64
from penstock_contracts.market import TradeBatch
from penstock_contracts.types import Liquidity
from penstock_kernel.money import ZERO, from_scaled

from penstock_execution.config import QUEUE_TRADES_DEFAULT, PaperConfig
from penstock_execution.paper.entry import follow_price, triggered_by
from penstock_execution.paper.matching import Claim, Offer, Opened
from penstock_execution.paper.pricing import taking_price
from penstock_execution.paper.scan import Hits, first_candidate, seen_rows, trailed_rows
from penstock_execution.paper.state import Market, VenueOrder


@dataclass(frozen=True, slots=True)
class TradeMatcher:
    """Fills by trades: the next one fills what takes, one at or beyond its limit what rests."""

    config: PaperConfig
    kind: Literal["trade"] = "trade"
    triggers_take: bool = False

    def counts(self, market: Market, _batch: TradeBatch, /) -> bool:
        """Where there are no quotes and no books."""
        return market.kind in (None, "bar", "trade")

    def first_row(self, batch: TradeBatch, orders: list[VenueOrder], rows: range) -> int:
        """See `Matcher`."""
        return first_candidate(batch, batch.ts_init, batch.ts_init, orders, rows, _reached, _trailed)

    def seeing(self, batch: TradeBatch, row: int, orders: list[VenueOrder]) -> list[VenueOrder]:
        """Those in effect before the trade and not cancelled before it."""
        ts = int(batch.ts_init[row])
        return [order for order in orders if order.ts_effect < ts <= order.ts_cancel and not order.held]

    def offer(self, market: Market, batch: TradeBatch, row: int, orders: list[VenueOrder]) -> Offer:
        """See `Matcher`; what is available is the trade's size."""
        price = from_scaled(int(batch.price[row]), batch.price_scale)
        size = from_scaled(int(batch.size[row]), batch.size_scale)
        claims = []
        for order in orders:
            if order.waiting:
                order.waiting = not triggered_by(order, price)
                follow_price(order, price)
                continue
            if not order.resting:
                if order.limit is None or order.sign * (order.limit - price) > 0:
                    cost = taking_price(price, order.sign, order.limit, self.config)
                    claims.append(Claim(order, cost, Liquidity.TAKER))
                    continue
                if order.immediate:
                    continue
                order.resting = True
                order.queue = self._queue_ahead(market, batch, row)
            claim = _resting_claim(order, price, size)
            if claim is not None:
                claims.append(claim)
        return Offer(claims, price, size)

    def entered(self, _batch: TradeBatch, _row: int, _opened: Sequence[Opened], /) -> list[Claim]:
        """Nothing: the trade that filled the parent is over."""
        return []

    def follow(self, batch: TradeBatch, orders: list[VenueOrder], begin: int, end: int) -> None:
        """See `Matcher`."""
        for order in orders:
            if order.waiting and order.trail is not None and not order.held:
                rows = seen_rows(batch.ts_init, batch.ts_init, order, begin, end)
                if rows.start < rows.stop:
                    column = batch.price[rows]
                    best = column.max() if order.trigger_sign < 0 else column.min()
                    follow_price(order, from_scaled(int(best), batch.price_scale))

    def last_before(self, market: Market, batch: TradeBatch, row: int) -> Decimal | None:
        """See `Matcher`."""
        return from_scaled(int(batch.price[row - 1]), batch.price_scale) if row else market.price

    def rest(self, market: Market, batch: TradeBatch, row: int, order: VenueOrder) -> None:
        """See `Matcher`."""
        order.resting = True
        order.queue = self._queue_ahead(market, batch, row)

    def fill_time(self, batch: TradeBatch, row: int, _order: VenueOrder, /) -> int:
        """The trade's."""
        return int(batch.ts_init[row])

    def remember(self, market: Market, batch: TradeBatch, _end: int, /) -> None:
        """The last price, its time, and the last sizes."""
        market.last = int(batch.price[-1])
        market.last_scale = batch.price_scale
        market.ts_last = int(batch.ts_init[-1])
        market.sizes, market.sizes_scale = self._recent_sizes(market, batch.size, batch.size_scale)

    @property
    def _queue_trades(self) -> int:
        configured = self.config.queue_trades
        return QUEUE_TRADES_DEFAULT if configured is None else configured

    def _queue_ahead(self, market: Market, batch: TradeBatch, row: int) -> Decimal | None:
        """The size of the last trades before the row; None where there were none to measure it by."""
        if self._queue_trades == 0:
            return ZERO
        sizes, scale = self._recent_sizes(market, batch.size[:row], batch.size_scale)
        return from_scaled(sum(sizes), scale) if sizes else None

    def _recent_sizes(self, market: Market, sizes: I64, scale: int) -> tuple[list[int], int]:
        """The last sizes at one scale: those that the market remembers, then the new ones."""
        count = self._queue_trades
        if count == 0:
            return [], scale
        fresh: list[int] = sizes[-count:].tolist()
        known = market.sizes
        if known and scale > market.sizes_scale:
            factor = 10 ** (scale - market.sizes_scale)
            known = [size * factor for size in known]
        elif known and scale < market.sizes_scale:
            factor = 10 ** (market.sizes_scale - scale)
            fresh = [size * factor for size in fresh]
            scale = market.sizes_scale
        return [*known, *fresh][-count:], scale


@dataclass(frozen=True, slots=True)
class TradeAdvancer(TradeMatcher):
    """Trades of an instrument that has quotes or books: they advance what rests there, and nothing else."""

    def counts(self, market: Market, _batch: TradeBatch, /) -> bool:
        """Where quotes or books fill."""
        return market.kind in ("quote", "book")

    def first_row(self, batch: TradeBatch, orders: list[VenueOrder], rows: range) -> int:
        """See `Matcher`."""
        return TradeMatcher.first_row(self, batch, _resting(orders), rows)

    def seeing(self, batch: TradeBatch, row: int, orders: list[VenueOrder]) -> list[VenueOrder]:
        """Those that rest, and those that have yet to arrive."""
        return TradeMatcher.seeing(self, batch, row, _resting(orders))

    def last_before(self, market: Market, _batch: TradeBatch, _row: int, /) -> Decimal | None:
        """Trades do not move it here."""
        return market.price

    def rest(self, _market: Market, _batch: TradeBatch, _row: int, _order: VenueOrder, /) -> None:
        """It rests since it met what stood."""

    def follow(self, _batch: TradeBatch, _orders: list[VenueOrder], _begin: int, _end: int, /) -> None:
        """Stops follow what stands."""

    def remember(self, _market: Market, _batch: TradeBatch, _end: int, /) -> None:
        """Nothing."""


def _resting(orders: list[VenueOrder]) -> list[VenueOrder]:
    return [order for order in orders if order.resting or not order.arrived]


def _resting_claim(order: VenueOrder, price: Decimal, size: Decimal) -> Claim | None:
    """Through its limit all of the trade, at its limit what the queue ahead leaves."""
    assert order.limit is not None
    beyond = order.sign * (order.limit - price)
    if beyond > 0:
        order.queue = ZERO
        return Claim(order, order.limit, Liquidity.MAKER)
    if beyond < 0 or order.queue is None:
        return None
    ahead = min(order.queue, size)
    order.queue -= ahead
    return Claim(order, order.limit, Liquidity.MAKER, ahead) if ahead < size else None


def _reached(batch: TradeBatch, order: VenueOrder, rows: slice) -> Hits:
    if order.waiting:
        assert order.trigger is not None
        at = order.trigger.scaleb(batch.price_scale)
        hits: Hits
        hits = batch.price[rows] >= ceil(at) if order.trigger_sign > 0 else batch.price[rows] <= floor(at)
        return hits
    assert order.limit is not None
    scaled = order.limit.scaleb(batch.price_scale)
    return batch.price[rows] <= floor(scaled) if order.sign > 0 else batch.price[rows] >= ceil(scaled)


def _trailed(batch: TradeBatch, order: VenueOrder, rows: slice) -> Hits:
    price = batch.price[rows] * -order.trigger_sign
    return trailed_rows(order, batch.price_scale, price, price, price, price)
