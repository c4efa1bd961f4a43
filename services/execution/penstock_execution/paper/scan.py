"""Looking ahead in a batch: the first row that can matter to an order, by columns."""

from collections.abc import Callable
from math import ceil, floor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.columns import I64
from penstock_contracts.types import NEVER

from penstock_execution.paper.state import VenueOrder

Batch = TypeVar("Batch")
Hits = NDArray[np.bool_]
Reached = Callable[[Batch, VenueOrder, slice], Hits]
"""Which of the rows reach a resting order's limit, or trigger one that waits, as a boolean column."""
Trailed = Callable[[Batch, VenueOrder, slice], Hits]
"""Which of the rows trigger a trailing stop, as a boolean column."""

_CHUNK = 4096


def first_candidate(
    batch: Batch,
    effects: I64,
    cancels: I64,
    orders: list[VenueOrder],
    rows: range,
    reached: Reached[Batch],
    trailed: Trailed[Batch],
) -> int:
    """The first of the rows that may do something to one of the orders; where they end if none.

    An order sees the rows whose time in `effects` is after its effect and whose time in `cancels` is not
    after its cancel; both columns never decrease. The first of them always matters unless the order rests
    or waits for a trigger.
    """
    start, best = rows.start, rows.stop
    for order in orders:
        if order.held or start >= best:
            continue
        low = start
        if effects.item(start) <= order.ts_effect:
            low = int(effects.searchsorted(order.ts_effect, "right"))
        high = best
        if order.ts_cancel != NEVER:
            high = min(best, int(cancels.searchsorted(order.ts_cancel, "right")))
        if low >= high:
            continue
        if not order.arrived or not (order.resting or order.waiting):
            best = low
        elif order.waiting and order.trail is not None:
            # What lies beyond the chunk is looked at from there.
            stop = min(high, low + _CHUNK)
            hits = trailed(batch, order, slice(low, stop))
            index = int(hits.argmax())
            if hits[index]:
                best = low + index
            elif stop < high:
                best = stop
        else:
            best = _first_reached(batch, order, low, high, best, reached)
    return best


def seen_rows(effects: I64, cancels: I64, order: VenueOrder, begin: int, end: int) -> slice:
    """Those of the rows [begin, end) that an order sees."""
    low = max(begin, int(effects.searchsorted(order.ts_effect, "right")))
    high = min(end, int(cancels.searchsorted(order.ts_cancel, "right")))
    return slice(low, max(low, high))


def trailed_rows(order: VenueOrder, scale: int, first: I64, better: I64, worse: I64, last: I64) -> Hits:
    """Which rows trigger a trailing stop that follows the price along them.

    The columns are prices with the sign that lets the trigger rise with them: a bar's first, best, worst and
    last price, for a trade the same one four times. The trigger as it stood at the first price is tried
    against the worst; the best moves it, and the last is tried against that: what is certain counts.
    """
    assert order.trail is not None
    trail = ceil(order.trail.scaleb(scale))
    before = np.maximum(first, np.concatenate((first[:1], np.maximum.accumulate(better)[:-1])))
    after = np.maximum.accumulate(better)
    standing, moved = before - trail, np.maximum(before, after) - trail
    if order.trigger is not None:
        known = floor(-order.trigger_sign * order.trigger.scaleb(scale))
        standing, moved = np.maximum(standing, known), np.maximum(moved, known)
    hits: Hits = (worse <= standing) | (last <= moved)
    return hits


def _first_reached(
    batch: Batch, order: VenueOrder, low: int, high: int, none: int, reached: Reached[Batch]
) -> int:
    """Chunk by chunk, so that a hit near by does not cost the whole batch."""
    for begin in range(low, high, _CHUNK):
        rows = reached(batch, order, slice(begin, min(begin + _CHUNK, high)))
        index = int(rows.argmax())
        if rows[index]:
            return begin + index
    return none
