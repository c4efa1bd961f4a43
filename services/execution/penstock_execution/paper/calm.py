"""Book updates that leave resting orders alone, found for a whole batch at once.

A limit order that rests meets an update only where a level of the other side comes to its limit. Its queue
changes only with its own level, which is a column. So updates without that may be applied together.
"""

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.market import BookAction, BookBatch
from penstock_kernel.ledger import plain
from penstock_kernel.money import from_scaled

from penstock_execution.paper.standing import apply_book, crosses, level_size, standing_of, usable
from penstock_execution.paper.state import Market, VenueOrder

Mask = NDArray[np.bool_]


class Piece(NamedTuple):
    """Rows of a batch up to `end`."""

    end: int
    complete: bool
    """Whether an update ends there."""
    calm: bool
    """Whether no order needs to meet any of them."""


def quiet_rows(market: Market, batch: BookBatch) -> int | None:
    """How many leading rows fill nothing, at least; None where not all orders rest."""
    if not _all_rest(market, batch.ts_init.item(-1)):
        return None
    return _first(_crossing(market.orders, batch), _ends(batch), len(batch.ts_init))


def pieces(market: Market, batch: BookBatch) -> Iterator[Piece]:
    """The updates of a batch one by one, those together that leave all orders alone."""
    rows, ends = len(batch.ts_init), _ends(batch)
    begin = 0
    if _all_rest(market, batch.ts_init.item(-1)):
        first = _first(_crossing(market.orders, batch), ends, rows)
        for row in np.flatnonzero((batch.action[:first] & BookAction.SET) == 0).tolist():
            at = int(ends.searchsorted(row, "right"))
            start = ends.item(at - 1) if at else 0
            if start > begin:
                yield Piece(start, complete=True, calm=True)
            begin = ends.item(at) if at < len(ends) else rows
            yield Piece(begin, complete=at < len(ends), calm=False)
        last = min(first, ends.item(-1) if len(ends) else 0)
        if begin < last:
            yield Piece(last, complete=True, calm=True)
            begin = last
    for end in ends[ends.searchsorted(begin, "right") :].tolist():
        yield Piece(end, complete=True, calm=False)
        begin = end
    if begin < rows:
        yield Piece(rows, complete=False, calm=False)


def let_pass(market: Market, batch: BookBatch, begin: int, end: int) -> None:
    """Apply updates that leave all orders at rest, and let the queues follow the levels that they stand at.

    A queue is never longer than what its level has after an update that leaves the book usable.
    """
    standing = standing_of(market)
    book = standing.book
    before = [level_size(book, order) for order in market.orders]
    tops = np.array(apply_book(standing, batch, begin, end), dtype=np.int64)
    ends = begin + np.flatnonzero(batch.action[begin:end] & BookAction.LAST)
    for order, size in zip(market.orders, before, strict=True):
        own = begin + np.flatnonzero(_own_level(batch, order, slice(begin, end)))
        # Its level changes where an update ends that sets it, and can be believed again where sides uncross.
        known = np.concatenate((tops[:, 0], ends[ends.searchsorted(own)]))
        known = known[tops[tops[:, 0].searchsorted(known, "right") - 1, 3] >= 0]
        places = own.searchsorted(known, "right")
        sizes = batch.size[own[places[places > 0] - 1]]
        assert order.queue is not None
        if len(sizes) < len(known):
            order.queue = min(order.queue, size)
        if len(sizes):
            order.queue = min(order.queue, plain(from_scaled(sizes.min().item(), batch.size_scale)))


def _all_rest(market: Market, ts: int) -> bool:
    """Whether every order rests up to a time, away from what stands, in a book that can be traded on."""
    return (
        market.kind == "book"
        and usable(market)
        and all(_rests(each, ts) and not crosses(market, each) for each in market.orders)
    )


def _rests(order: VenueOrder, ts: int) -> bool:
    at_rest = order.resting and order.arrived and order.limit is not None and order.queue is not None
    return at_rest and not (order.held or order.waiting or order.immediate) and ts <= order.ts_cancel


def _crossing(orders: list[VenueOrder], batch: BookBatch) -> Mask:
    """Rows that set a level of the other side at the limit of an order, or beyond it."""
    found = np.zeros(len(batch.price), dtype=np.bool_)
    for sign, rounding in ((1, ROUND_FLOOR), (-1, ROUND_CEILING)):
        limits = [each.limit for each in orders if each.sign == sign and each.limit is not None]
        if limits:
            farthest = max(limits) if sign > 0 else min(limits)
            limit = int(farthest.scaleb(batch.price_scale).to_integral_value(rounding))
            found |= (batch.side == -sign) & (batch.size > 0) & (sign * batch.price <= sign * limit)
    return found


def _own_level(batch: BookBatch, order: VenueOrder, rows: slice) -> Mask:
    """Rows that set the very level of an order."""
    assert order.limit is not None
    level = order.limit.scaleb(batch.price_scale)
    if level != level.to_integral_value():
        return np.zeros(rows.stop - rows.start, dtype=np.bool_)
    own: Mask = (batch.side[rows] == order.sign) & (batch.price[rows] == int(level))
    return own


def _ends(batch: BookBatch) -> NDArray[np.int64]:
    return np.flatnonzero(batch.action & BookAction.LAST) + 1


def _first(found: Mask, ends: NDArray[np.int64], rows: int) -> int:
    """Where the first update begins that has such a row; `rows` where none has."""
    if not found.any():
        return rows
    at = int(ends.searchsorted(int(found.argmax()), "right"))
    return ends.item(at - 1) if at else 0
