"""Exact arithmetic: nothing is rounded that was not asked to be."""

import decimal
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_kernel.money import PRECISION, from_scaled, round_down, round_up, to_scaled, unit

STEPS = st.sampled_from([Decimal(text) for text in ("1", "0.1", "0.5", "0.00000001", "5", "0.25", "12.5")])
VALUES = st.decimals(min_value=-(10**12), max_value=10**12, places=10)


def test_every_thread_computes_with_the_same_precision() -> None:
    def precision() -> int:
        return decimal.getcontext().prec

    with ThreadPoolExecutor(1) as threads:
        assert precision() == threads.submit(precision).result() == PRECISION == 60


def test_products_of_prices_quantities_and_rates_are_exact() -> None:
    price, quantity, rate = (
        Decimal("46301.123456789"),
        Decimal("1234567.123456789"),
        Decimal("0.000123456789"),
    )
    exact = 46301123456789 * 1234567123456789 * 123456789
    assert price * quantity * rate == Decimal(exact).scaleb(-9 - 9 - 12)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
def test_a_scaled_integer_is_a_decimal_and_back(value: int, scale: int) -> None:
    assert to_scaled(from_scaled(value, scale), scale) == value
    assert from_scaled(value, scale) == value * unit(scale)


def test_more_decimals_than_the_scale_are_not_cut_off() -> None:
    with pytest.raises(ValueError, match=r"0\.125 has more than 2 decimals"):
        to_scaled(Decimal("0.125"), 2)


@given(VALUES, STEPS)
def test_rounding_goes_to_the_multiple_next_to_the_value(value: Decimal, step: Decimal) -> None:
    down, up = round_down(value, step), round_up(value, step)
    assert down % step == up % step == 0
    assert abs(down) <= abs(value) <= abs(up)
    assert abs(value) - abs(down) < step
    assert abs(up) - abs(value) < step
    assert (down == value == up) or abs(up) - abs(down) == step


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [("0.019", "0.01", "0.02"), ("-0.019", "-0.01", "-0.02"), ("0.02", "0.02", "0.02")],
)
def test_rounding_is_towards_and_away_from_zero(value: str, down: str, up: str) -> None:
    step = Decimal("0.01")
    assert round_down(Decimal(value), step) == Decimal(down)
    assert round_up(Decimal(value), step) == Decimal(up)
