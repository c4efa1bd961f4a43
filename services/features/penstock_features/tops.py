"""The best bid and ask of books as quotes, so that what reads quotes reads books too."""

import numpy as np
from penstock_contracts.market import BookBatch, QuoteBatch
from penstock_kernel.book import OrderBook


def tops(book: OrderBook, batch: BookBatch) -> QuoteBatch | None:
    """Apply a batch to its book; a quote for each update that leaves it usable with both sides, if any.

    An update that is cut in two gives its quote with its last row, so that cuts change nothing.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    places: list[int] = []
    bids, asks = book.bids, book.asks
    for place in book.updates(batch):
        if book.two_sided:
            places.append(place)
            rows.append((book.ts, bids.best, asks.best, bids.best_size, asks.best_size))
    if not rows:
        return None
    ts, bid, ask, bid_size, ask_size = (
        np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)
    )
    return QuoteBatch(
        instrument=batch.instrument,
        source=batch.source,
        price_scale=book.price_scale,
        size_scale=book.size_scale,
        ts_event=batch.ts_event[places],
        ts_init=ts,
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        flags=np.zeros(len(ts), dtype=np.int8),
    )
