"""Which rows of a source cannot be believed, and why. Whole columns at a time; never an exception.

A verdict is one code per row, 0 for a good row; the first reason that applies counts. A price that
jumps and a time that runs ahead are held until the next row confirms them, as a live feed would.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_ingest.scale import SCALE_MAX, UNITS_MAX, Floats, Ints

Verdict = NDArray[np.int8]
Mask = NDArray[np.bool_]
_SMALLEST = 10.0**-SCALE_MAX
SAMPLES_MAX = 100
"""Raw rows kept for the record; all are counted."""


class Reason(IntEnum):
    """Why a row was quarantined; the lower-case name is what counters and records show."""

    GOOD = 0
    COLUMNS = 1
    """More fields than the header; of JSON lines, a line that is no message."""
    TIME = 2
    """No time, or none that can be read."""
    NOT_A_NUMBER = 3
    INFINITE = 4
    PRICE_NOT_POSITIVE = 5
    SIZE_NOT_POSITIVE = 6
    """Of a bar: a negative volume."""
    SIDE = 7
    TRADE_ID = 8
    """Longer than 64 bytes."""
    HIGH_BELOW_LOW = 9
    OUTSIDE_RANGE = 10
    """Open or close outside low to high."""
    OUT_OF_RANGE = 11
    """Too large or too small for the column's decimals, or with more decimals than configured."""
    DUPLICATE = 12
    """Seen before, the same in all."""
    DUPLICATE_CONFLICT = 13
    """Seen before with another body; the first one counts."""
    TIME_BACK = 14
    TIME_AHEAD = 15
    """Later than the rows after it, which agree with those before."""
    PRICE_JUMP = 16
    OFF_INTERVAL = 17
    """A bar that does not lie on the interval of the others."""
    SYMBOL = 18
    """No symbol where the file has a column for it."""
    CROSSED = 19
    """A bid above the ask; of a book, a bid at or above it."""
    UPDATE_TYPE = 20
    """Neither a snapshot nor an update."""
    UPDATE_INCOMPLETE = 21
    """Good itself, but another row of its update is not."""
    UPDATE_MISSING = 22
    """The update before it is missing."""
    NO_BOOK = 23
    """An update without a book to apply it to: before the first snapshot, or after a gap."""
    VALUE = 24
    """A value that is not one of those that the column can have."""

    @property
    def label(self) -> str:
        """As counters and records show it."""
        return self.name.lower()


@dataclass(slots=True)
class QuarantinedRow:
    """A row that was not believed, for the record."""

    feed: str
    row: int
    """Its number in the source: the line of a CSV file, else counted from 1."""
    reason: str
    text: str
    """The row as it came, its fields joined by commas."""


@dataclass(slots=True)
class Previous:
    """The last good row before the ones that are judged."""

    ts: int
    price: float


def put(verdict: Verdict, mask: Mask, reason: Reason) -> None:
    """Give `reason` to the rows of the mask that have none yet."""
    verdict[mask & (verdict == 0)] = reason


def judge_numbers(verdict: Verdict, prices: tuple[Floats, ...], size: Floats, size_may_be_zero: bool) -> None:
    """NaN, infinite, not positive, too large, too small."""
    for column in (*prices, size):
        put(verdict, np.isnan(column), Reason.NOT_A_NUMBER)
    for column in (*prices, size):
        put(verdict, np.isinf(column), Reason.INFINITE)
    for column in prices:
        put(verdict, column <= 0, Reason.PRICE_NOT_POSITIVE)
    put(verdict, size < 0 if size_may_be_zero else size <= 0, Reason.SIZE_NOT_POSITIVE)
    for column in (*prices, size):
        put(verdict, (column >= UNITS_MAX) | ((column > 0) & (column < _SMALLEST)), Reason.OUT_OF_RANGE)


def judge_bar_shape(verdict: Verdict, opened: Floats, high: Floats, low: Floats, close: Floats) -> None:
    """High below low, open or close outside."""
    put(verdict, high < low, Reason.HIGH_BELOW_LOW)
    put(verdict, (opened > high) | (opened < low) | (close > high) | (close < low), Reason.OUTSIDE_RANGE)


def judge_repeats(verdict: Verdict, keys: NDArray[Any], body: tuple[NDArray[Any], ...]) -> None:
    """Rows whose key was there before: the same body is a duplicate, another one a conflict."""
    rows = np.flatnonzero((verdict == 0) & (keys != keys.dtype.type()))
    found = keys[rows]
    if bool(np.all(found[1:] > found[:-1])):
        return
    order = np.argsort(found, kind="stable")
    rows, found = rows[order], found[order]
    fresh = np.append(True, found[1:] != found[:-1])
    first = rows[np.flatnonzero(fresh)[np.cumsum(fresh) - 1]]
    again, first = rows[~fresh], first[~fresh]
    same = np.ones(len(again), dtype=np.bool_)
    for column in body:
        same &= column[again] == column[first]
    verdict[again] = np.where(same, Reason.DUPLICATE, Reason.DUPLICATE_CONFLICT)


def judge_order(verdict: Verdict, ts: Ints, previous: Previous | None) -> None:
    """Times that go back, or that run ahead of the rows after them."""
    if previous is not None:
        put(verdict, ts < previous.ts, Reason.TIME_BACK)
    rows = np.flatnonzero(verdict == 0)
    times = ts[rows]
    below = previous.ts if previous is not None else -1
    resumed = 0
    for top in np.flatnonzero(times[1:] < times[:-1]).tolist():
        if top < resumed:
            continue
        if top > resumed:
            below = int(times[top - 1])
        after = times[top + 1 : top + 3]
        if len(after) == 2 and below <= after[0] <= after[1] < times[top]:
            verdict[rows[top]] = Reason.TIME_AHEAD
            resumed = top + 1
            continue
        resumed = top + 1
        while resumed < len(times) and times[resumed] < times[top]:
            verdict[rows[resumed]] = Reason.TIME_BACK
            resumed += 1
        below = int(times[top])


def judge_jumps(
    verdict: Verdict, high: Floats, low: Floats, close: Floats, bound: float, previous: Previous | None
) -> int:
    """Prices beyond the bound of the last good one that the next row does not confirm.

    Returns how often two rows that follow each other lie beyond the bound, confirmed or not.
    """
    rows = np.flatnonzero(verdict == 0)
    highs, lows, closes = high[rows], low[rows], close[rows]
    factor = 1.0 + bound

    def far(last: float, row: int) -> bool:
        return bool(highs[row] > last * factor or lows[row] * factor < last)

    def confirmed(last: float, row: int) -> bool:
        # A bar whose close is near the last one needs more than a calm successor: another such excursion.
        close = float(closes[row])
        moved = close > last * factor or close * factor < last
        return row + 1 < len(rows) and not far(close, row + 1) and (moved or far(last, row + 1))

    suspects = np.flatnonzero((highs[1:] > closes[:-1] * factor) | (lows[1:] * factor < closes[:-1])) + 1
    if previous is not None and len(rows) and far(previous.price, 0):
        suspects = np.append(0, suspects)
    judged, last = 0, previous.price if previous is not None else 0.0
    for suspect in suspects.tolist():
        if suspect < judged:
            continue
        row = suspect
        if row > judged:
            last = float(closes[row - 1])
        while row < len(rows) and far(last, row) and not confirmed(last, row):
            verdict[rows[row]] = Reason.PRICE_JUMP
            row += 1
        if row == len(rows):
            break
        judged, last = row + 1, float(closes[row])
    return len(suspects)
