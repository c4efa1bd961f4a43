"""Markets that stand: a book, or a quote as a book of one level a side.

What stands can be taken at any time, not only when the next datum comes. So an order meets what stands at
its effect, and again whatever changes later. Prices are those of the levels: no spread is added to one that
the data show.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from penstock_contracts.market import BookAction, BookBatch, QuoteBatch
from penstock_contracts.types import Liquidity
from penstock_kernel.book import BookSide, OrderBook, Top
from penstock_kernel.ledger import plain
from penstock_kernel.money import ZERO, from_scaled, round_down, unit

from penstock_execution.paper.state import Market, Standing, VenueOrder

UNKNOWN = 10**17
"""The size of a quote that does not say it: more than anybody orders."""


class Taken(NamedTuple):
    """What an order takes of one level."""

    price: Decimal
    quantity: Decimal
    liquidity: Liquidity


def standing_of(market: Market) -> Standing:
    """What stands in the market; empty at first."""
    if market.standing is None:
        market.standing = Standing()
    return market.standing


def apply_quote(standing: Standing, batch: QuoteBatch, row: int) -> None:
    """A quote replaces the one before, and what we took of that."""
    book = standing.book
    book.price_scale, book.size_scale = batch.price_scale, batch.size_scale
    for side, price, size in (
        (book.bids, batch.bid.item(row), batch.bid_size.item(row)),
        (book.asks, batch.ask.item(row), batch.ask_size.item(row)),
    ):
        side.clear()
        if price > 0:
            side.set(price, size or UNKNOWN)
    book.valid = book.whole = True
    standing.taken_bids.clear()
    standing.taken_asks.clear()


def apply_book(standing: Standing, batch: BookBatch, begin: int, end: int) -> list[Top]:
    """Level changes; a level that is set again has whatever we took of it replaced. As `OrderBook.take`."""
    book = standing.book
    scales = book.price_scale, book.size_scale
    tops = book.take(batch, begin, end)
    if standing.taken_bids or standing.taken_asks:
        _refresh(standing, batch, slice(begin, end), scales)
    return tops


def _refresh(standing: Standing, batch: BookBatch, rows: slice, scales: tuple[int, int]) -> None:
    """Forget what we took of the levels that these rows set; `scales`: the book's before them."""
    book = standing.book
    if scales != (book.price_scale, book.size_scale):
        factor, sizes = 10 ** (book.price_scale - scales[0]), 10 ** (book.size_scale - scales[1])
        for taken in (standing.taken_bids, standing.taken_asks):
            rescaled = {price * factor: size * sizes for price, size in taken.items()}
            taken.clear()
            taken.update(rescaled)
    if not (batch.action[rows] & BookAction.SET).all():
        standing.taken_bids.clear()
        standing.taken_asks.clear()
        return
    factor = 10 ** (book.price_scale - batch.price_scale)
    for sign, taken in ((1, standing.taken_bids), (-1, standing.taken_asks)):
        if taken:
            prices = batch.price[rows][batch.side[rows] == sign]
            for price in [each for each in taken if not each % factor and (prices == each // factor).any()]:
                del taken[price]


def usable(market: Market) -> bool:
    """Whether what stands may be traded on."""
    return market.standing is not None and market.standing.book.usable


def opposite(market: Market, sign: int) -> tuple[BookSide, dict[int, int]]:
    """What a buy (+1) or a sell takes from, and what we took of it."""
    standing = standing_of(market)
    if sign > 0:
        return standing.book.asks, standing.taken_asks
    return standing.book.bids, standing.taken_bids


def touch(market: Market, sign: int) -> Decimal | None:
    """The price at which a buy (+1) or a sell would trade first; None where nothing stands."""
    side = opposite(market, sign)[0]
    return from_scaled(side.best, standing_of(market).book.price_scale) if side.keys else None


def crosses(market: Market, order: VenueOrder) -> bool:
    """Whether a limit order would trade with what stands."""
    price = touch(market, order.sign)
    return price is not None and order.limit is not None and order.sign * (order.limit - price) >= 0


def takes(market: Market, order: VenueOrder, room: Decimal) -> Iterator[Taken]:
    """What the order takes, level by level, and what then counts as taken.

    One that rests trades at its own limit, as maker; any other at the level's price. The rest of an order
    that took all of an earlier quote pays a tick more.
    """
    side, taken = opposite(market, order.sign)
    book = standing_of(market).book
    lot = market.instrument.lot_size
    for price, size in list(side.levels()):
        level = from_scaled(price, book.price_scale)
        if room <= 0 or (order.limit is not None and order.sign * (order.limit - level) < 0):
            return
        there = from_scaled(size - taken.get(price, 0), book.size_scale)
        quantity = room if room <= there else round_down(there, lot)
        if quantity <= 0:
            continue
        room -= quantity
        taken[price] = taken.get(price, 0) + int((quantity.scaleb(book.size_scale)).to_integral_value())
        if order.resting:
            assert order.limit is not None
            yield Taken(order.limit, quantity, Liquidity.MAKER)
        else:
            yield Taken(_paid(market, order, level), quantity, Liquidity.TAKER)


def _paid(market: Market, order: VenueOrder, level: Decimal) -> Decimal:
    if not order.chasing:
        return level
    instrument = market.instrument
    worse = level + order.sign * (instrument.tick_size or unit(instrument.price_decimals))
    if order.limit is not None and order.sign * (worse - order.limit) > 0:
        return order.limit
    return worse


def whole_there(market: Market, order: VenueOrder) -> bool:
    """Whether what stands within its limit fills the order whole."""
    side, taken = opposite(market, order.sign)
    book = standing_of(market).book
    there = ZERO
    for price, size in side.levels():
        level = from_scaled(price, book.price_scale)
        if order.limit is not None and order.sign * (order.limit - level) < 0:
            break
        there += from_scaled(size - taken.get(price, 0), book.size_scale)
        if there >= order.left:
            return True
    return False


def line_up(market: Market, order: VenueOrder) -> None:
    """Keep the queue ahead of a resting order at what its side of the market shows.

    On a book that is the size of its level. A quote shows the best level only: an order beyond it does not
    know its queue until that becomes the best, and one before it has none.
    """
    assert order.limit is not None
    book = standing_of(market).book
    side = book.bids if order.sign > 0 else book.asks
    scaled = order.limit.scaleb(book.price_scale)
    if market.kind == "book":
        ahead = level_size(book, order)
    elif not side.keys or order.sign * (scaled - side.best) > 0:
        ahead = ZERO
    elif scaled == side.best and side.best_size != UNKNOWN:
        ahead = from_scaled(side.best_size, book.size_scale)
    else:
        return
    order.queue = ahead if order.queue is None else min(order.queue, ahead)


def level_size(book: OrderBook, order: VenueOrder) -> Decimal:
    """What a book has at the limit of an order, on its side."""
    assert order.limit is not None
    scaled = order.limit.scaleb(book.price_scale)
    if scaled != scaled.to_integral_value():
        return ZERO
    sizes = (book.bids if order.sign > 0 else book.asks).sizes
    return plain(from_scaled(sizes.get(int(scaled), 0), book.size_scale))
