"""An order that a live venue did not know, was given up, and has filled after all."""

from decimal import Decimal

import pytest
from penstock_contracts.orders import OrderApproved, PositionChanged, TradingStateChanged
from penstock_contracts.types import OrderState, TradingState
from penstock_kernel.errors import HaltError
from support.risk import Table, of


def lost() -> tuple[Table, OrderApproved]:
    table = Table()
    table.price("100")
    table.mark()
    (order,) = of(table.signal("long", "2"), OrderApproved)
    table.over(order, OrderState.LOST)
    return table, order


def test_its_fill_is_booked_and_trading_halts() -> None:
    table, order = lost()
    outputs = table.say(table.fill_of(order, "100", order.quantity, Decimal(0)))
    (position,) = of(outputs, PositionChanged)
    assert position.quantity == order.quantity
    (change,) = of(outputs, TradingStateChanged)
    assert change.state is TradingState.HALTED
    assert order.order_id in change.reason


def test_it_fills_once_and_also_after_a_restart() -> None:
    table, order = lost()
    state = table.stage.snapshot()
    table.stage.restore(state)
    half = order.quantity / 2
    table.say(table.fill_of(order, "100", half, half))
    table.say(table.fill_of(order, "100", half, Decimal(0)))
    with pytest.raises(HaltError, match="does not work"):
        table.say(table.fill_of(order, "100", half, Decimal(0)))


def test_a_fill_of_an_order_that_was_cancelled_still_stops_everything() -> None:
    table = Table()
    table.price("100")
    table.mark()
    (order,) = of(table.signal("long", "2"), OrderApproved)
    table.over(order, OrderState.CANCELLED)
    with pytest.raises(HaltError):
        table.say(table.fill_of(order, "100", order.quantity, Decimal(0)))
