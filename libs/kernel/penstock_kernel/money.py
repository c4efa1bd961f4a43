"""Exact arithmetic: the decimal context of every process, and scaled integers."""

import decimal
from decimal import Decimal
from functools import lru_cache

# Products of prices, quantities and rates must not be rounded: 28 digits, Python's default, are too
# few for them. Set for this thread and for those started later, before any stage is built.
PRECISION = 60
decimal.DefaultContext.prec = PRECISION
decimal.setcontext(decimal.Context(prec=PRECISION, rounding=decimal.ROUND_HALF_EVEN))

ZERO = Decimal(0)
ONE = Decimal(1)


@lru_cache(maxsize=64)
def unit(scale: int) -> Decimal:
    """10 ** -scale."""
    return Decimal(1).scaleb(-scale)


@lru_cache(maxsize=1024)  # the same price is asked for by several, and at every mark of an interval
def from_scaled(value: int, scale: int) -> Decimal:
    """The decimal that the integer `value` of `scale` decimals stands for."""
    return Decimal(int(value)).scaleb(-scale)


def to_scaled(value: Decimal, scale: int) -> int:
    """The integer of `scale` decimals. ValueError when the value has more decimals than that."""
    scaled = value.scaleb(scale)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{value} has more than {scale} decimals")
    return whole


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` next to `value` towards zero."""
    return (value / step).to_integral_value(rounding=decimal.ROUND_DOWN) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` next to `value` away from zero."""
    return (value / step).to_integral_value(rounding=decimal.ROUND_UP) * step
