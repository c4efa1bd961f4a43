"""Books for the tests: updates written as lists of levels, and the naive book that they are held against."""

from collections.abc import Sequence

import numpy as np
from penstock_contracts.market import BookAction, BookBatch

KEY = "btc-usdt.replay"
BID, ASK = 1, -1
Level = tuple[int, int, int]
"""(side, price, size)"""


def update(
    levels: Sequence[Level],
    *,
    ts: int = 1,
    number: int = 1,
    snapshot: bool = False,
    scales: tuple[int, int] = (2, 3),
    key: str = KEY,
) -> BookBatch:
    """One whole update."""
    rows = len(levels)
    action = np.full(rows, BookAction.SET, dtype=np.int8)
    if snapshot:
        action[0] &= ~BookAction.SET
    action[-1] |= BookAction.LAST
    side, price, size = (np.array(column) for column in zip(*levels, strict=True))
    return BookBatch(
        instrument=key,
        source="test",
        price_scale=scales[0],
        size_scale=scales[1],
        ts_event=np.full(rows, ts, dtype=np.int64),
        ts_init=np.full(rows, ts, dtype=np.int64),
        action=action,
        side=side.astype(np.int8),
        price=price.astype(np.int64),
        size=size.astype(np.int64),
        first_update_id=np.full(rows, number, dtype=np.int64),
        last_update_id=np.full(rows, number, dtype=np.int64),
    )


def joined(updates: Sequence[BookBatch]) -> BookBatch:
    """Updates of equal scales as one batch."""
    first = updates[0]
    columns = ("ts_event", "ts_init", "action", "side", "price", "size", "first_update_id", "last_update_id")
    return BookBatch(
        instrument=first.instrument,
        source=first.source,
        price_scale=first.price_scale,
        size_scale=first.size_scale,
        **{name: np.concatenate([getattr(each, name) for each in updates]) for name in columns},
    )
