"""Several holdings along the rows of a batch at once, exact to the last digit.

What a holding is worth is its price times a constant less its cost, where nothing is converted or inverted.
So every row moves equity by a whole number of a unit that all holdings share, and the running sum of these
integers is the course of equity. Where that does not hold, extremes still bound it.
"""

from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.features import Prices
from penstock_kernel.money import ZERO, from_scaled

from penstock_risk.account import Account

Column = NDArray[np.int64]
_SUM_MAX = 1 << 62


class Course(NamedTuple):
    """How far equity lies from where it was before the rows, after each of their marks."""

    ts: Column
    """The marks."""
    stops: Column
    """Where the rows of each mark end, in the batch."""
    moved: Column
    scale: int
    """Decimals of `moved`."""


def course_of(account: Account, prices: Prices, first: int, end: int) -> Course | None:
    """The course of equity over the rows [first, end); None where it is no running sum of integers."""
    held = [
        (number, holding, prices.scales[number])
        for number, name in enumerate(prices.instruments)
        if (holding := account.holdings.get(name)) is not None
    ]
    if not all(holding.affine for _, holding, _ in held):
        return None
    factors = [
        (
            (holding.long * holding.contract.multiplier).scaleb(-scale),
            (holding.short * holding.contract.multiplier).scaleb(-scale),
            holding.value + holding.cost,
        )
        for _, holding, scale in held
    ]
    scale = max(_decimals(each) for factor in factors for each in factor)
    whole = [[int(each.scaleb(scale)) for each in factor] for factor in factors]
    index = prices.index[first:end]
    bid, ask = both_sides(prices.last[first:end], prices.bid[first:end], prices.ask[first:end])
    highest = max(bid.max().item(), ask.max().item())
    if 2 * sum((abs(bought) + abs(sold)) * highest + abs(worth) for bought, sold, worth in whole) >= _SUM_MAX:
        return None
    columns = np.zeros((3, len(prices.instruments)), dtype=np.int64)
    columns[:, [number for number, _, _ in held]] = np.array(whole, dtype=np.int64).T
    bought, sold, before = columns
    ts, instruments = prices.ts[first:end], len(prices.instruments)
    if is_full(index, instruments):
        table = bid.reshape(-1, instruments) @ bought + ask.reshape(-1, instruments) @ sold
        ends = np.arange(instruments, len(ts) + 1, instruments)
        return Course(ts[ends - 1], first + ends, table - before.sum(), scale)
    order, starts = by_instrument(index, instruments)
    worth = (bought[index] * bid + sold[index] * ask)[order]
    steps = np.diff(worth, prepend=0)
    steps[starts] = worth[starts] - before[index[order[starts]]]
    moves = np.empty_like(steps)
    moves[order] = steps
    lasts = np.append(np.flatnonzero(ts[1:] != ts[:-1]), len(ts) - 1)
    return Course(ts[lasts], first + lasts + 1, moves.cumsum()[lasts], scale)


def extremes(account: Account, prices: Prices, first: int, end: int) -> tuple[Decimal, Decimal]:
    """The least and the most that equity may be over the rows [first, end)."""
    low = high = account.base + account.unrealized
    index = prices.index[first:end]
    order, starts = by_instrument(index, len(prices.instruments))
    bid, ask = both_sides(prices.last[first:end], prices.bid[first:end], prices.ask[first:end])
    bids, asks = bid[order], ask[order]
    found = (
        operation.reduceat(column, starts).tolist()
        for column in (bids, asks)
        for operation in (np.minimum, np.maximum)
    )
    numbers = index[order[starts]].tolist()
    for number, *scaled in zip(numbers, *found, strict=True):
        holding = account.holdings.get(prices.instruments[number])
        if holding is not None:
            bid_min, bid_max, ask_min, ask_max = (from_scaled(each, prices.scales[number]) for each in scaled)
            low += min(holding.worth(bid_min, ask_max) - holding.value, ZERO)
            high += max(holding.worth(bid_max, ask_min) - holding.value, ZERO)
    return low, high


def last_rows(prices: Prices, first: int, end: int) -> list[tuple[int, int]]:
    """The number of each instrument that has any of the rows [first, end), and its last one."""
    if len(prices.instruments) == 1:
        return [(0, end - 1)]
    last = np.full(len(prices.instruments), -1, dtype=np.int64)
    last[prices.index[first:end]] = np.arange(first, end)  # the last of several is kept
    return [(which, row) for which, row in enumerate(last.tolist()) if row >= 0]


def both_sides(last: Column, bid: Column, ask: Column) -> tuple[Column, Column]:
    """Bids and asks, the last price where there are none."""
    if not bid.any() and not ask.any():
        return last, last
    return np.where(bid > 0, bid, last), np.where(ask > 0, ask, last)


def by_instrument(index: NDArray[np.int32], instruments: int) -> tuple[Column, Column]:
    """Places of rows by instrument, those of each in their order; and where each one's begin there."""
    # Of 16 bits NumPy sorts by counting, of more by merging, which takes ten times as long.
    keys = index.astype(np.int16) if instruments <= np.iinfo(np.int16).max else index
    order = np.argsort(keys, kind="stable")
    own = index[order]
    return order, np.flatnonzero(np.diff(own, prepend=-1))


def is_full(index: NDArray[np.int32], instruments: int) -> bool:
    """Whether every mark has a row of every instrument: then the rows are a table."""
    if len(index) % instruments:
        return False
    return bool((index.reshape(-1, instruments) == np.arange(instruments)).all())


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(-exponent, 0)
