import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_runtime.store.queries import BadPageCursor, PageCursor

PLACES = st.integers(0, 2**63 - 1)


@given(PLACES, PLACES)
def test_a_cursor_survives_being_text(ts: int, sequence: int) -> None:
    assert PageCursor.parse(str(PageCursor(ts, sequence))) == PageCursor(ts, sequence)


@given(st.text(max_size=40))
def test_any_other_text_is_a_bad_cursor_and_nothing_worse(text: str) -> None:
    try:
        found = PageCursor.parse(text)
    except BadPageCursor:
        return
    assert 0 <= found.ts < 2**63


@pytest.mark.parametrize("text", ["", "=", "OTk5", "LTEuMQ", "MS4yLjM", "OTk5OTk5OTk5OTk5OTk5OTk5OS4x", "ä"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(BadPageCursor):
        PageCursor.parse(text)
