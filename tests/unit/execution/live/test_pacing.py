from hypothesis import given
from hypothesis import strategies as st
from penstock_execution.live.event_time import EventTime
from penstock_execution.live.pacing import Pacer


def test_within_any_second_at_most_so_many_go() -> None:
    pacer = Pacer(2, 10.0)
    pacer.sent(0.0)
    pacer.sent(0.4)
    assert pacer.wait_s(0.5) == 0.5
    assert pacer.wait_s(1.0) == 0.0


def test_it_stays_away_as_long_as_the_venue_says() -> None:
    pacer = Pacer(10, 1.0)
    pacer.turned_away(0.0, 30.0)
    assert pacer.wait_s(29.0) == 1.0
    assert pacer.wait_s(30.0) == 0.0


def test_each_failure_doubles_the_pause_up_to_its_bound_and_an_answer_ends_that() -> None:
    pacer = Pacer(10, 0.3)
    pauses = []
    for at in range(0, 50, 10):
        pacer.failed(float(at))
        pauses.append(round(pacer.wait_s(float(at)), 6))
    assert pauses == [0.05, 0.1, 0.2, 0.3, 0.3]
    pacer.answered()
    pacer.failed(100.0)
    assert round(pacer.wait_s(100.0), 6) == 0.05


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.5)), max_size=50))
def test_event_time_lies_in_its_interval_and_never_goes_back(steps: list[tuple[bool, float]]) -> None:
    time = EventTime(100)
    clock, mark, last = 0.0, 0, 0
    for marks, passed in steps:
        clock += passed
        if marks:
            mark += 100
            time.marked(mark, clock)
        now = time.now(clock)
        assert max(mark + 1, last) <= now <= mark + 100
        last = now
