"""How far prices can carry an account: extremes of a whole batch, so that its parts need not be looked at.

What holds for all rows from one on holds for any of them. Where the extremes leave a question open the rows
themselves answer it.
"""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.batch import between
from penstock_contracts.features import Prices
from penstock_kernel.money import ZERO, from_scaled

from penstock_risk.account import Account
from penstock_risk.marking import quiet_rows
from penstock_risk.together import both_sides, by_instrument, is_full

_BLOCK_ROWS = 512
_SMALL_ROWS = 64
"""Of so few rows the extremes are found as fast again."""
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
Bounds = tuple[Decimal, Decimal, Decimal, Decimal]
"""Least and greatest bid, least and greatest ask."""


class Reach:
    """The extremes of each instrument's prices from every block of a batch to its end."""

    __slots__ = ("_block_rows", "_scales", "_tables")

    def __init__(self, prices: Prices) -> None:
        self._scales = prices.scales
        self._block_rows, self._tables = _tables(prices)

    def of(self, which: int, begin: int) -> Bounds | None:
        """Extremes of an instrument's rows from `begin` on, or of more; None where it has none."""
        bid_min, bid_max, ask_min, ask_max = self._tables[:, which, begin // self._block_rows].tolist()
        if bid_min > bid_max:
            return None
        scale = self._scales[which]
        return (
            from_scaled(bid_min, scale), from_scaled(bid_max, scale),
            from_scaled(ask_min, scale), from_scaled(ask_max, scale),
        )  # fmt: skip


def _tables(prices: Prices) -> tuple[int, NDArray[np.int64]]:
    """Rows of a block; least and greatest bid and ask, by instrument and the block from which on."""
    instruments = len(prices.instruments)
    bids, asks = both_sides(prices.last, prices.bid, prices.ask)
    if is_full(prices.index, instruments):
        marks = -(-_BLOCK_ROWS // instruments)
        bids, asks = bids.reshape(-1, instruments), asks.reshape(-1, instruments)
        starts = np.arange(0, len(bids), marks)
        cells = [operation.reduceat(side, starts).T for side, operation in _extremes(bids, asks)]
        block_rows = marks * instruments
    else:
        cells = _cells(prices.index, instruments, bids, asks)
        block_rows = _BLOCK_ROWS
    found = [
        operation.accumulate(table[:, ::-1], axis=1)[:, ::-1]
        for table, (_, operation) in zip(cells, _extremes(bids, asks), strict=True)
    ]
    return block_rows, np.stack(found)


def _extremes(
    bids: NDArray[np.int64], asks: NDArray[np.int64]
) -> tuple[tuple[NDArray[np.int64], np.ufunc], ...]:
    return (bids, np.minimum), (bids, np.maximum), (asks, np.minimum), (asks, np.maximum)


def _cells(
    index: NDArray[np.int32], instruments: int, bids: NDArray[np.int64], asks: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """The four extremes of every instrument in every block; impossible ones where it has no rows."""
    blocks = -(-len(index) // _BLOCK_ROWS)
    order, _ = by_instrument(index, instruments)
    cell_of = index[order].astype(np.int64) * blocks + order // _BLOCK_ROWS
    starts = np.flatnonzero(np.diff(cell_of, prepend=-1))
    tables = []
    for side, operation in _extremes(bids[order], asks[order]):
        table = np.full(instruments * blocks, _MOST if operation is np.minimum else _LEAST)
        table[cell_of[starts]] = operation.reduceat(side, starts)
        tables.append(table.reshape(instruments, blocks))
    return tables


def quiet_between(account: Account, prices: Prices, begin: int, end: int) -> int:
    """How many leading ones of the rows [begin, end) reach no stop. Nothing else is to be seen of it.

    What was found of more rows than were asked for is kept until positions, rates or limits change.
    """
    calm = account.calm
    if calm is not None and calm[0] is prices and end <= calm[1]:
        return end - begin
    rows = len(prices.ts)
    if rows - begin > _SMALL_ROWS:
        reach = account.reach
        if reach is None or reach[0] is not prices:
            reach = account.reach = (prices, Reach(prices))
        if _far_from_stops(account, prices, reach[1], begin):
            account.calm = (prices, rows)
            return end - begin
    return quiet_rows(account, between(prices, begin, end))


def _far_from_stops(account: Account, prices: Prices, reach: Reach, begin: int) -> bool:
    """Whether no row from `begin` on can reach a stop. See `marking.far_from_stops`."""
    falls = rises = ZERO
    for number, name in enumerate(prices.instruments):
        holding = account.holdings.get(name)
        bounds = None if holding is None else reach.of(number, begin)
        if holding is not None and bounds is not None:
            bid_min, bid_max, ask_min, ask_max = bounds
            value = holding.value
            falls += min(holding.worth(bid_min, ask_max) - value, ZERO)
            rises += max(holding.worth(bid_max, ask_min) - value, ZERO)
    return account.out_of_reach(falls, rises)
