"""Floats to scaled integers, exactly.

A number is read at 15 significant digits: every decimal of so many digits survives the way through a
double, and what a double shows beyond them (0.09946999000000001) is noise of the program that wrote it.
So a CSV and a Parquet file of the same data give the same integers.
"""

import numpy as np
from numpy.typing import NDArray

SCALE_MAX = 18
UNITS_MAX = 10**15
"""Largest integer in a column: below 2**53, and thousands of them can be added in 64 bits."""
_NOISE = 7e-16

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def decimals(values: Floats) -> int:
    """The most decimals that any of the finite `values` has at 15 significant digits, at most 18."""
    left = np.abs(values[values != 0])
    for scale in range(SCALE_MAX):
        scaled = left * float(10**scale)
        left = left[np.abs(scaled - np.rint(scaled)) > _NOISE * scaled]
        if not len(left):
            return scale
    return SCALE_MAX


def fitting(values: Floats, scale: int) -> int:
    """`scale`, lowered until the largest of the `values` stays below `UNITS_MAX`."""
    top = float(np.max(np.abs(values), initial=0.0))
    while scale > 0 and top * float(10**scale) >= UNITS_MAX:
        scale -= 1
    return scale


def to_units(values: Floats, scale: int) -> Ints:
    """Integers of `scale` decimals, rounded half to even where a value has more."""
    return np.rint(values * float(10**scale)).astype(np.int64)


def exact_at(values: Floats, scale: int) -> NDArray[np.bool_]:
    """Which of the values have no more than `scale` decimals."""
    scaled = values * float(10**scale)
    exact: NDArray[np.bool_] = np.abs(scaled - np.rint(scaled)) <= _NOISE * np.abs(scaled)
    return exact
