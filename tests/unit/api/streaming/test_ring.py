import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_api.streaming.channels import Event
from penstock_api.streaming.ring import Ring


def ring(sequences: list[int], events_max: int) -> Ring:
    made = Ring(events_max)
    for sequence in sequences:
        made.add(Event(sequence, "ord", "state", None))
    return made


@given(st.lists(st.integers(1, 60), unique=True).map(sorted), st.integers(1, 12), st.integers(0, 70))
def test_after_a_sequence_come_all_later_events_or_it_is_said_that_some_are_gone(
    sequences: list[int], events_max: int, after: int
) -> None:
    made = ring(sequences, events_max)
    kept = sequences[-events_max:]
    gone = sequences[: len(sequences) - len(kept)]
    position = made.after(after)
    if any(each > after for each in gone):
        assert position is None
    else:
        assert position is not None
        found = [made.at(place).sequence for place in range(position, made.end)]
        assert found == [each for each in kept if each > after]


def test_what_is_not_kept_cannot_be_had() -> None:
    made = ring([5, 6, 7], 2)
    assert (made.begin, made.end, made.floor) == (1, 3, 5)
    for position in (0, 3):
        with pytest.raises(IndexError):
            made.at(position)
