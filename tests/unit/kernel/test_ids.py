"""Ids are functions of what they identify."""

import re
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.types import Id
from penstock_kernel.ids import make_id, span_id, trace_id
from pydantic import TypeAdapter


def test_an_id_is_the_same_everywhere_and_for_ever() -> None:
    assert make_id(
        "s", "20220101T120000-7f3a", "cross", "btc-usdt.binance", 1_641_038_400_000_000_000, 1
    ) == ("s-78b817a28e5e79c04563")


def test_parts_are_kept_apart() -> None:
    parts = ["a", "ab", "b", "", "1", 11]
    made = [make_id("o", *each) for each in product(parts, repeat=2)]
    assert len(set(made)) == len(made)
    assert make_id("o", "a") != make_id("f", "a")


@given(st.lists(st.text() | st.integers(), max_size=4))
def test_every_id_fits_its_field_and_its_header(parts: list[str | int]) -> None:
    assert TypeAdapter(Id).validate_python(make_id("o", *parts)) == make_id("o", *parts)
    assert re.fullmatch("[0-9a-f]{32}", trace_id(*parts))
    assert re.fullmatch("[0-9a-f]{16}", span_id(*parts))
