"""Orders as an operator types them."""

from decimal import Decimal

import pytest
from penstock.commands.order import _wish
from penstock.errors import ConfigError
from penstock_contracts.types import OrderType, Side, TimeInForce


@pytest.mark.parametrize(
    ("prices", "kind"),
    [
        ((None, None, None), OrderType.MARKET),
        (("99", None, None), OrderType.LIMIT),
        ((None, "99", None), OrderType.STOP),
        (("98", "99", None), OrderType.STOP_LIMIT),
        ((None, None, "5"), OrderType.TRAILING_STOP),
    ],
)
def test_prices_say_the_type(prices: tuple[str | None, str | None, str | None], kind: OrderType) -> None:
    order = _wish(Side.BUY, "0.5", OrderType.MARKET, *prices, TimeInForce.GTC, False, True)
    assert (order.type, order.quantity, order.reduce_only) == (kind, Decimal("0.5"), True)
    assert (order.limit_price, order.stop_price, order.trail) == tuple(
        None if each is None else Decimal(each) for each in prices
    )


def test_a_type_that_was_given_stays() -> None:
    order = _wish(Side.SELL, "1", OrderType.TAKE_PROFIT, None, "99", None, TimeInForce.DAY, False, False)
    assert (order.type, order.time_in_force) == (OrderType.TAKE_PROFIT, TimeInForce.DAY)


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf", ""])
def test_a_quantity_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=r"QUANTITY: .* is not allowed; must be a number above 0"):
        _wish(Side.BUY, text, OrderType.MARKET, None, None, None, TimeInForce.GTC, False, False)
