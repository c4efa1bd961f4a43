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
from penstock_risk.marking import quiet_rows, sides

_BLOCK_ROWS = 512
_SMALL_ROWS = 64
"""Of so few rows the extremes are found as fast again."""
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
Bounds = tuple[Decimal, Decimal, Decimal, Decimal]
"""Least and greatest bid, least and greatest ask."""


class Reach:
    """The extremes of each instrument's prices from every block of a batch to its end."""

    __slots__ = ("_lists", "_prices")

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._lists: dict[int, list[list[int]]] = {}

    def of(self, which: int, begin: int) -> Bounds | None:
        """Extremes of an instrument's rows from `begin` on, or of more; None where it has none."""
        found = self._lists.get(which)
        if found is None:
            found = self._lists[which] = self._found(which)
        bid_min, bid_max, ask_min, ask_max = (column[begin // _BLOCK_ROWS] for column in found)
        if bid_min > bid_max:
            return None
        scale = self._prices.scales[which]
        return (
            from_scaled(bid_min, scale), from_scaled(bid_max, scale),
            from_scaled(ask_min, scale), from_scaled(ask_max, scale),
        )  # fmt: skip

    def _found(self, which: int) -> list[list[int]]:
        prices, rows = self._prices, len(self._prices.ts)
        own = None if len(prices.instruments) == 1 else prices.index == which
        bids, asks = sides(prices, which)
        columns = []
        for side in (bids, asks):
            for fill, operation in ((_MOST, np.minimum), (_LEAST, np.maximum)):
                whole: NDArray[np.int64] = side
                if own is not None:
                    whole = np.full(rows, fill, dtype=np.int64)
                    whole[own] = side
                blocks = operation.reduceat(whole, np.arange(0, rows, _BLOCK_ROWS))
                columns.append(operation.accumulate(blocks[::-1])[::-1].tolist())
        return columns


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
