"""How far behind a place is, and what is due to be archived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_runtime.log.retention import GONE, Kept

KEPT = Kept(first=101, last=1100, messages=1000, bytes=50_000, bytes_max=100_000, age_max_s=100.0)


def test_a_share_of_bytes_is_what_lies_after_the_place() -> None:
    assert KEPT.share_of_bytes(1100) == 0
    assert KEPT.share_of_bytes(600) == pytest.approx(0.25)
    assert KEPT.share_of_bytes(100) == pytest.approx(0.5)
    assert KEPT.share_of_bytes(100, last=1300) == pytest.approx(0.6)


def test_a_place_whose_next_message_has_left_is_beyond_any_share() -> None:
    assert KEPT.share_of_bytes(99) == GONE


def test_nothing_is_due_below_the_share_and_enough_is_above_it() -> None:
    assert KEPT.due(600, 0.0, 0.25) == 600
    assert KEPT.due(100, 0.0, 0.25) == 600
    assert KEPT.due(100, 50.0, 0.25) == 600
    assert KEPT.due(100, 100.0, 0.25) == 850
    assert KEPT.due(1100, 1000.0, 0.25) == 1100


@given(place=st.integers(100, 1100), age_s=st.floats(0, 1000), share=st.floats(0.01, 1))
def test_what_is_due_lies_after_the_place_and_within_the_log(place: int, age_s: float, share: float) -> None:
    until = KEPT.due(place, age_s, share)
    assert place <= until <= 1100
    assert until > place or max(KEPT.share_of_bytes(place), age_s / 100) <= share or place == 1100
