"""Parts of a batch are the same rows, and views of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import first_type_of
from penstock_contracts.batch import part_of
from penstock_contracts.codec import decode, encode, rows_of
from support.messages import START, feature_bars, mark, trades


@given(st.integers(0, 12), st.integers(0, 12))
def test_a_part_holds_the_rows_between_its_ends_and_survives_the_wire(begin: int, end: int) -> None:
    batch = trades(range(START, START + 10), range(10))
    part = part_of(batch, begin, end)
    assert (part.instrument, part.price_scale) == (batch.instrument, batch.price_scale)
    for name, _ in first_type_of(type(batch)).columns:
        np.testing.assert_array_equal(getattr(part, name), getattr(batch, name)[begin:end])
    assert rows_of(decode("md", "trade", 1, encode(part))) == rows_of(part) == len(range(10)[begin:end])


def test_a_part_copies_nothing_and_keeps_a_matrix_whole() -> None:
    bars = feature_bars()
    part = part_of(bars, 1, 2)
    assert np.shares_memory(part.values, bars.values)
    assert part.values.shape == (1, 2)


def test_a_plain_message_has_no_rows_to_part() -> None:
    with pytest.raises(TypeError, match="has no rows"):
        part_of(mark(), 0, 1)
