"""An order book of one instrument: exact integer levels, kept by snapshots and updates.

An update may have many rows and is whole only with its last one; between two rows of it the book is
neither what it was nor what it will be. Ask `usable` before trading on it: it is false without a
snapshot, after a gap until the next snapshot, inside an update, and while the sides cross.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from penstock_contracts.market import BookAction, BookBatch

BID, ASK = 1, -1
SET, LAST = BookAction.SET, BookAction.LAST


@dataclass(slots=True)
class BookSide:
    """The levels of one side."""

    sign: int
    """+1 bids, -1 asks."""
    sizes: dict[int, int] = field(default_factory=dict)
    """Size by price; no entry is zero."""
    keys: list[int] = field(default_factory=list)
    """`sign` * price of every level, ascending: the best price is the last on both sides."""

    def set(self, price: int, size: int) -> None:
        """Set the size at a price; 0 deletes the level."""
        sizes = self.sizes
        if size:
            if price not in sizes:
                insort(self.keys, self.sign * price)
            sizes[price] = size
        elif sizes.pop(price, 0):
            del self.keys[bisect_left(self.keys, self.sign * price)]

    def clear(self) -> None:
        """Remove all levels."""
        self.sizes.clear()
        self.keys.clear()

    @property
    def best(self) -> int:
        """The best price; 0 when there is none."""
        return self.sign * self.keys[-1] if self.keys else 0

    @property
    def best_size(self) -> int:
        """The size at the best price; 0 when there is none."""
        return self.sizes[self.sign * self.keys[-1]] if self.keys else 0

    def levels(self, depth: int | None = None) -> Iterator[tuple[int, int]]:
        """(price, size) of the levels, best first, at most `depth` of them."""
        sizes, sign = self.sizes, self.sign
        return ((sign * key, sizes[sign * key]) for key in islice(reversed(self.keys), depth))

    def volume(self, depth: int) -> int:
        """Sum of the sizes of the best `depth` levels."""
        return sum(size for _, size in self.levels(depth))

    def walk(self, size: int, limit: int | None = None) -> list[tuple[int, int]]:
        """(price, size) that an order of `size` would take, best first, no worse than `limit`."""
        taken: list[tuple[int, int]] = []
        worst = None if limit is None else self.sign * limit
        for price, there in self.levels():
            if size <= 0 or (worst is not None and self.sign * price < worst):
                break
            part = min(size, there)
            taken.append((price, part))
            size -= part
        return taken

    def rescale(self, price_factor: int, size_factor: int) -> None:
        """Multiply all prices and sizes."""
        self.sizes = {price * price_factor: size * size_factor for price, size in self.sizes.items()}
        self.keys = [key * price_factor for key in self.keys]


def _bids() -> BookSide:
    return BookSide(BID)


def _asks() -> BookSide:
    return BookSide(ASK)


@dataclass(slots=True)
class OrderBook:
    """Both sides, and whether they can be believed. Plain state: a snapshot of a stage can hold it."""

    price_scale: int = 0
    size_scale: int = 0
    bids: BookSide = field(default_factory=_bids)
    asks: BookSide = field(default_factory=_asks)
    valid: bool = False
    """A snapshot came, and no gap since."""
    whole: bool = True
    """The last row applied ended its update."""
    ts: int = 0
    """Event time of the last row applied, ns."""
    last_update_id: int = 0

    @property
    def usable(self) -> bool:
        """Whether the book may be traded on, or priced by: valid, whole, not crossed."""
        if not (self.valid and self.whole):
            return False
        bids, asks = self.bids.keys, self.asks.keys
        return not (bids and asks and bids[-1] >= -asks[-1])

    @property
    def two_sided(self) -> bool:
        """Whether it is usable and has both a bid and an ask."""
        return bool(self.bids.keys and self.asks.keys) and self.usable

    def apply(self, batch: BookBatch, begin: int = 0, end: int | None = None) -> None:
        """Apply rows [begin, end) of a batch. Rows before a snapshot, or after a gap, change nothing.

        The same however the rows are cut into batches.
        """
        for _ in self.updates(batch, begin, end):
            pass

    def updates(self, batch: BookBatch, begin: int = 0, end: int | None = None) -> Iterator[int]:
        """Apply rows [begin, end) of a batch, and stop after each that ends an update; yields its place.

        Whoever does not go on to the end leaves the later rows unapplied.
        """
        end = len(batch.ts_init) if end is None else end
        if end <= begin:
            return
        price_factor, size_factor = self._scaled(batch)
        rows = slice(begin, end)
        prices, sizes = batch.price[rows].tolist(), batch.size[rows].tolist()
        if price_factor != 1:
            prices = [price * price_factor for price in prices]
        if size_factor != 1:
            sizes = [size * size_factor for size in sizes]
        columns = (batch.action, batch.side, batch.ts_init, batch.last_update_id)
        actions, sides, times, ids = (column[rows].tolist() for column in columns)
        bids, asks = self.bids, self.asks
        row = begin
        for action, side, price, size, ts, last in zip(
            actions, sides, prices, sizes, times, ids, strict=True
        ):
            if not action & SET:
                bids.clear()
                asks.clear()
                self.valid = True
            if self.valid:
                (bids if side > 0 else asks).set(price, size)
            if action & LAST:
                self.whole, self.ts, self.last_update_id = True, ts, last
                yield row
            row += 1
        if not actions[-1] & LAST:
            self.whole, self.ts, self.last_update_id = False, times[-1], ids[-1]

    def gap(self) -> None:
        """Updates are missing: forget the levels, and believe nothing before the next snapshot."""
        self.bids.clear()
        self.asks.clear()
        self.valid = False
        self.whole = True

    def _scaled(self, batch: BookBatch) -> tuple[int, int]:
        """Factors that bring the batch to the book's scales, which grow when the batch has more decimals."""
        price_scale = max(self.price_scale, batch.price_scale)
        size_scale = max(self.size_scale, batch.size_scale)
        if price_scale != self.price_scale or size_scale != self.size_scale:
            factors = 10 ** (price_scale - self.price_scale), 10 ** (size_scale - self.size_scale)
            self.bids.rescale(*factors)
            self.asks.rescale(*factors)
            self.price_scale, self.size_scale = price_scale, size_scale
        return 10 ** (price_scale - batch.price_scale), 10 ** (size_scale - batch.size_scale)
