from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from penstock_ingest.scale import UNITS_MAX, decimals, exact_at, fitting, to_units


@st.composite
def written(draw: st.DrawFn) -> Decimal:
    """A number of at most fifteen significant digits."""
    digits = draw(st.integers(1, 10**15 - 1))
    return Decimal(digits).scaleb(-draw(st.integers(0, 15)))


@given(st.lists(written(), min_size=1, max_size=5))
def test_decimals_of_up_to_fifteen_digits_survive_exactly(values: list[Decimal]) -> None:
    floats = np.array([float(value) for value in values])
    expected = max(max(0, -int(value.normalize().as_tuple().exponent)) for value in values)

    scale = decimals(floats)

    assert scale == expected
    fit = fitting(floats, scale)
    for value, units in zip(values, to_units(floats, fit).tolist(), strict=True):
        assert units == int(value.scaleb(fit).to_integral_value()) or fit < scale
    if fit == scale:
        assert bool(np.all(exact_at(floats, scale)))


@given(st.lists(st.floats(1e-17, 9e14), min_size=1, max_size=20))
def test_integers_never_leave_the_bound_of_their_columns(values: list[float]) -> None:
    floats = np.array(values)
    scale = fitting(floats, decimals(floats))
    assert int(np.max(to_units(floats, scale))) <= UNITS_MAX


def test_noise_behind_the_fifteenth_digit_is_no_decimal() -> None:
    assert decimals(np.array([0.09946999000000001, 0.1 + 0.2, 9.000000000000001e-06])) == 8


def test_zero_has_no_decimals() -> None:
    assert decimals(np.array([0.0, 0.0])) == 0
    assert decimals(np.array([])) == 0
