import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_api.access.rates import _CALLERS_MAX, Rates


def test_a_burst_passes_then_the_rate_holds() -> None:
    rates = Rates(per_s=2, burst=3)
    assert [rates.take("a", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.take("b", 0.0) == 0
    assert rates.take("a", 0.5) == 0
    assert rates.take("a", 0.75) == pytest.approx(0.25)
    assert [rates.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_it_knows_so_many_callers_and_forgets_who_asked_first() -> None:
    rates = Rates(per_s=1, burst=1)
    for number in range(_CALLERS_MAX + 1):
        rates.take(str(number), 0.0)
    assert rates.take("1", 0.0) > 0
    assert rates.take("0", 0.0) == 0


@given(st.lists(st.floats(0, 2), max_size=60))
def test_nobody_gets_more_than_burst_and_rate_allow(pauses: list[float]) -> None:
    rates, now, passed = Rates(per_s=3, burst=2), 0.0, 0
    for pause in pauses:
        now += pause
        passed += rates.take("a", now) == 0
    assert passed <= 2 + 3 * now + 1e-6
