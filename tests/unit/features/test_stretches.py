import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_features.stretches import floats, product_sums, rescaled, stretches, sums
from penstock_kernel.grid import grid_at_or_after


@given(st.lists(st.integers(1, 500), min_size=1, max_size=200), st.integers(1, 60))
def test_rows_are_grouped_by_the_grid_point_that_closes_their_interval(times: list[int], step: int) -> None:
    ts = np.array(sorted(times), dtype=np.int64)
    starts, ends = stretches(ts, step)
    expected: dict[int, int] = {}
    for row, time in enumerate(ts.tolist()):
        expected.setdefault(grid_at_or_after(time, step), row)
    assert dict(zip(ends.tolist(), starts.tolist(), strict=True)) == expected


@given(
    st.lists(st.tuples(st.integers(0, 2**55), st.integers(0, 2**62)), min_size=1, max_size=40),
    st.integers(1, 40),
)
def test_sums_and_products_are_exact_whatever_their_size(rows: list[tuple[int, int]], every: int) -> None:
    left = np.array([row[0] for row in rows], dtype=np.int64)
    right = np.array([row[1] for row in rows], dtype=np.int64)
    starts = np.arange(0, len(rows), every, dtype=np.int64)
    groups = [rows[begin : begin + every] for begin in range(0, len(rows), every)]
    assert product_sums(left, right, starts) == [sum(a * b for a, b in group) for group in groups]
    assert sums(right, starts) == [sum(b for _, b in group) for group in groups]


def test_products_of_eight_decimals_need_more_than_64_bits() -> None:
    price, size = np.full(1000, 5_000_000_000, dtype=np.int64), np.full(1000, 10**13, dtype=np.int64)
    assert product_sums(price, size, np.zeros(1, dtype=np.int64)) == [5_000_000_000 * 10**13 * 1000]


@given(st.integers(1, 2**62), st.integers(0, 18), st.booleans())
def test_a_float_is_the_nearest_to_the_decimal_at_any_scale(value: int, scale: int, alone: bool) -> None:
    column = np.array([value] if alone else [value, 1], dtype=np.int64)
    assert floats(column, scale)[0] == value / 10**scale


def test_more_decimals_than_fit_are_refused() -> None:
    assert rescaled(np.array([5], dtype=np.int64), 2, 4).tolist() == [500]
    with pytest.raises(OverflowError, match="does not fit"):
        rescaled(np.array([2**60], dtype=np.int64), 2, 6)
