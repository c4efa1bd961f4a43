"""Exact arithmetic over columns: rows grouped by grid point, and sums that cannot overflow."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from penstock_kernel.grid import grid_at_or_after

Ints = NDArray[np.int64]

_FIRST: Ints = np.zeros(1, dtype=np.int64)
_FIRST.setflags(write=False)
_INT64_BITS = 62
_LIMB_BITS_MIN = 8


def stretches(ts: Ints, step: int) -> tuple[Ints, Ints]:
    """Group non-decreasing times by the grid point that closes their interval.

    Returns the index of the first row of each group, and its grid point.
    """
    first, last = grid_at_or_after(ts.item(0), step), grid_at_or_after(ts.item(-1), step)
    count = (last - first) // step + 1
    if count == 1:
        return _FIRST, np.array([first], dtype=np.int64)
    if count * 8 < len(ts):
        ends = first + step * np.arange(count, dtype=np.int64)
        stops = np.searchsorted(ts, ends, side="right").astype(np.int64)
        starts = np.concatenate((np.zeros(1, dtype=np.int64), stops[:-1]))
        filled = stops > starts
        return starts[filled], ends[filled]
    ends = -(-ts // step) * step
    starts = np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(ends[1:] != ends[:-1]) + 1))
    return starts, ends[starts]


def last_rows(starts: Ints, rows: int) -> Ints:
    """Index of the last row of each group."""
    return np.concatenate((starts[1:], np.array([rows], dtype=np.int64))) - 1


def sums(values: Ints, starts: Ints) -> list[int]:
    """Exact sum of each group of non-negative values."""
    longest = int(np.diff(starts, append=len(values)).max())
    if int(values.max()).bit_length() + longest.bit_length() <= _INT64_BITS:
        return [int(total) for total in np.add.reduceat(values, starts).tolist()]
    return _python_sums(values.tolist(), starts, len(values))


def product_sums(left: Ints, right: Ints, starts: Ints) -> list[int]:
    """Exact sum of `left` * `right` over each group of non-negative values.

    The products of prices and sizes with eight decimals do not fit 64 bits: `right` is split into
    limbs that leave room for the longest group.
    """
    longest = int(np.diff(starts, append=len(left)).max())
    limb = _INT64_BITS - int(left.max()).bit_length() - longest.bit_length()
    if limb < _LIMB_BITS_MIN:
        products = [one * other for one, other in zip(left.tolist(), right.tolist(), strict=True)]
        return _python_sums(products, starts, len(left))
    totals = [0] * len(starts)
    shift, bits = 0, int(right.max()).bit_length()
    while shift < bits:
        part = (right >> shift) & ((1 << limb) - 1)
        for group, total in enumerate(np.add.reduceat(left * part, starts).tolist()):
            totals[group] += total << shift
        shift += limb
    return totals


def _python_sums(values: list[int], starts: Ints, rows: int) -> list[int]:
    edges = [*starts.tolist(), rows]
    return [sum(values[begin:end]) for begin, end in pairwise(edges)]


def rescaled(values: Ints, scale: int, wanted: int) -> Ints:
    """Scaled integers with more decimals. OverflowError when they do not fit."""
    if scale == wanted:
        return values
    factor = 10 ** (wanted - scale)
    if len(values) and max(abs(int(values.max())), abs(int(values.min()))) * factor >= 1 << 63:
        raise OverflowError(f"a price or size of {scale} decimals does not fit with {wanted}")
    return values * np.int64(factor)


def floats(values: Ints, scale: int) -> list[float]:
    """The floats nearest to scaled integers: correctly rounded, so equal at any scale."""
    if len(values) == 1 or int(values.max(initial=0)) >= 1 << 53 or scale > 22:
        unit = 10**scale
        return [value / unit for value in values.tolist()]
    quotients: list[float] = (values / 10.0**scale).tolist()
    return quotients
