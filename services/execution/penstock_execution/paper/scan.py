"""Looking ahead in a batch: the first row that can matter to an order, by columns."""

from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray
from penstock_contracts.columns import I64
from penstock_contracts.types import NEVER

from penstock_execution.paper.state import VenueOrder

Batch = TypeVar("Batch")
Reached = Callable[[Batch, VenueOrder, slice], NDArray[Any]]
"""Which of the rows reach a resting order's limit, as a boolean column."""

_CHUNK = 4096


def first_candidate(
    batch: Batch, effects: I64, cancels: I64, orders: list[VenueOrder], start: int, reached: Reached[Batch]
) -> int:
    """The first row from `start` on that may do something to one of the orders; the number of rows if none.

    An order sees the rows whose time in `effects` is after its effect and whose time in `cancels` is not
    after its cancel; both columns never decrease. The first of them always matters unless the order rests.
    """
    best = len(effects)
    for order in orders:
        low = max(start, int(effects.searchsorted(order.ts_effect, "right")))
        high = best
        if order.ts_cancel != NEVER:
            high = min(best, int(cancels.searchsorted(order.ts_cancel, "right")))
        if low < high:
            best = _first_reached(batch, order, low, high, best, reached) if order.resting else low
    return best


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
