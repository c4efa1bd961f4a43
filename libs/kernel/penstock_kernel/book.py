"""An order book of one instrument: exact integer levels, kept by snapshots and updates.

An update may have many rows and is whole only with its last one; between two rows of it the book is
neither what it was nor what it will be. Ask `usable` before trading on it: it is false without a
snapshot, after a gap until the next snapshot, inside an update, and while the sides cross.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np
from penstock_contracts.columns import I64
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


class Tops(NamedTuple):
    """Both sides' best levels after each of some updates, as columns, in the book's scales."""

    places: I64
    """The row of the batch that ends the update."""
    bid: I64
    ask: I64
    bid_size: I64
    ask_size: I64


Top = tuple[int, int, int, int, int]
"""A row that ends an update, then as in `Tops`; sizes are 0 while a side is empty, -1 while they cross."""
_Levels = tuple[dict[int, int], list[int]]


def _top(row: int, bids: _Levels, asks: _Levels) -> Top:
    if not (bids[1] and asks[1]):
        return row, 0, 0, 0, 0
    bid, ask = bids[1][-1], -asks[1][-1]
    if bid >= ask:
        return row, 0, 0, -1, -1
    return row, bid, ask, bids[0][bid], asks[0][ask]


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
        self.take(batch, begin, len(batch.ts_init) if end is None else end)

    def tops(self, batch: BookBatch) -> Tops | None:
        """Apply a batch. Returns both best levels after each update that leaves it `two_sided`, if any."""
        rows = len(batch.ts_init)
        seen = self.take(batch, 0, rows)
        if not seen:
            return None
        changed = np.array(seen, dtype=np.int64)
        places = np.flatnonzero(batch.action & LAST)
        columns = changed[changed[:, 0].searchsorted(places, "right") - 1].T
        usable = columns[3] > 0
        if not usable.all():
            places, columns = places[usable], columns[:, usable]
        return Tops(places, *columns[1:]) if len(places) else None

    def take(self, batch: BookBatch, begin: int, end: int) -> list[Top]:
        """Like `apply`; returns the top after the first update, and after each that changed it."""
        seen: list[Top] = []
        if end <= begin:
            return seen
        price_factor, size_factor = self._scaled(batch)
        rows = slice(begin, end)
        prices, sizes = batch.price[rows].tolist(), batch.size[rows].tolist()
        if price_factor != 1:
            prices = [price * price_factor for price in prices]
        if size_factor != 1:
            sizes = [size * size_factor for size in sizes]
        actions, sides = batch.action[rows].tolist(), batch.side[rows].tolist()
        bids, asks = (self.bids.sizes, self.bids.keys), (self.asks.sizes, self.asks.keys)
        valid, changed, row = self.valid, True, begin
        # One loop without calls: most of the cost of a book is here.
        for action, side, price, size in zip(actions, sides, prices, sizes, strict=True):
            if not action & SET:
                self.clear()
                valid = changed = True
            if valid:
                levels, keys = bids if side > 0 else asks
                key = price if side > 0 else -price
                if size:
                    if price not in levels:
                        insort(keys, key)
                    levels[price] = size
                    if key == keys[-1]:
                        changed = True
                elif levels.pop(price, 0):
                    place = bisect_left(keys, key)
                    del keys[place]
                    if place == len(keys):
                        changed = True
            if changed and action & LAST:
                seen.append(_top(row, bids, asks))
                changed = False
            row += 1
        self.valid = valid
        self.whole = bool(actions[-1] & LAST)
        self.ts, self.last_update_id = batch.ts_init.item(end - 1), batch.last_update_id.item(end - 1)
        return seen

    def clear(self) -> None:
        """Remove all levels."""
        self.bids.clear()
        self.asks.clear()

    def gap(self) -> None:
        """Updates are missing: forget the levels, and believe nothing before the next snapshot."""
        self.clear()
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
