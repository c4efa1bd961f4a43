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
from penstock_risk.marking import both_sides, quiet_rows

_BLOCK_ROWS = 512
_SMALL_ROWS = 64
"""Of so few rows the extremes are found as fast again."""
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
Bounds = tuple[Decimal, Decimal, Decimal, Decimal]
"""Least and greatest bid, least and greatest ask."""


class Reach:
    """The extremes of each instrument's prices from every block of a batch to its end."""

    __slots__ = ("_scales", "_tables")

    def __init__(self, prices: Prices) -> None:
        self._scales = prices.scales
        self._tables = _tables(prices)

    def of(self, which: int, begin: int) -> Bounds | None:
        """Extremes of an instrument's rows from `begin` on, or of more; None where it has none."""
        bid_min, bid_max, ask_min, ask_max = self._tables[:, which, begin // _BLOCK_ROWS].tolist()
        if bid_min > bid_max:
            return None
        scale = self._scales[which]
        return (
            from_scaled(bid_min, scale), from_scaled(bid_max, scale),
            from_scaled(ask_min, scale), from_scaled(ask_max, scale),
        )  # fmt: skip


def _tables(prices: Prices) -> NDArray[np.int64]:
    """Least and greatest bid and ask, by instrument and the block from which on; every row is seen once."""
    rows, instruments = len(prices.ts), len(prices.instruments)
    blocks = -(-rows // _BLOCK_ROWS)
    bids, asks = both_sides(prices.last, prices.bid, prices.ask)
    if instruments == 1:
        cells = np.arange(blocks)
        starts = cells * _BLOCK_ROWS
    else:
        order = np.argsort(prices.index, kind="stable")
        cell_of = prices.index[order].astype(np.int64) * blocks + order // _BLOCK_ROWS
        starts = np.flatnonzero(np.diff(cell_of, prepend=-1))
        cells = cell_of[starts]
        bids, asks = bids[order], asks[order]
    tables = np.empty((4, instruments * blocks), dtype=np.int64)
    for table, side, fill, operation in zip(
        tables, (bids, bids, asks, asks), (_MOST, _LEAST) * 2, (np.minimum, np.maximum) * 2, strict=True
    ):
        table.fill(fill)
        table[cells] = operation.reduceat(side, starts)
        backwards = table.reshape(instruments, blocks)[:, ::-1]
        operation.accumulate(backwards, axis=1, out=backwards)
    return tables.reshape(4, instruments, blocks)


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
