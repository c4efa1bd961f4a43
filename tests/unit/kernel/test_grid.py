"""Grid points: what is stamped on one belongs to the interval that it closes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_kernel.grid import (
    NS_PER_DAY,
    NS_PER_MS,
    NS_PER_SECOND,
    grid_after,
    grid_at_or_after,
    grid_before,
)


@pytest.mark.parametrize(("ts", "before", "at_or_after", "after"), [
    (1_000, 900, 1_000, 1_100),
    (1_001, 1_000, 1_100, 1_100),
    (1_099, 1_000, 1_100, 1_100),
    (0, -100, 0, 100),
])  # fmt: skip
def test_grid_points_around_a_time(ts: int, before: int, at_or_after: int, after: int) -> None:
    assert (grid_before(ts, 100), grid_at_or_after(ts, 100), grid_after(ts, 100)) == (
        before,
        at_or_after,
        after,
    )


@given(st.integers(0, 2**63 - 1), st.integers(1, NS_PER_DAY))
def test_every_time_lies_in_one_interval(ts: int, step: int) -> None:
    start, end = grid_before(ts, step), grid_at_or_after(ts, step)
    assert start < ts <= end == start + step
    assert ts < grid_after(ts, step) <= ts + step
    assert start % step == end % step == 0


def test_units() -> None:
    assert NS_PER_SECOND == 1_000 * NS_PER_MS == 10**9
    assert NS_PER_DAY == 86_400 * 10**9
