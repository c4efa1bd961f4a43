"""The best bid and ask of books as quotes, so that what reads quotes reads books too."""

import numpy as np
from penstock_contracts.market import BookBatch, QuoteBatch
from penstock_kernel.book import OrderBook


def tops(book: OrderBook, batch: BookBatch) -> QuoteBatch | None:
    """Apply a batch to its book; a quote for each update that leaves it usable with both sides, if any.

    An update that is cut in two gives its quote with its last row, so that cuts change nothing.
    """
    seen = book.tops(batch)
    if seen is None:
        return None
    return QuoteBatch(
        instrument=batch.instrument,
        source=batch.source,
        price_scale=book.price_scale,
        size_scale=book.size_scale,
        ts_event=batch.ts_event[seen.places],
        ts_init=batch.ts_init[seen.places],
        bid=seen.bid,
        ask=seen.ask,
        bid_size=seen.bid_size,
        ask_size=seen.ask_size,
        flags=np.zeros(len(seen.places), dtype=np.int8),
    )
