"""Every limit, with figures worked out by hand. Capital is 100000; market orders count at +10 %."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.market import Rate
from penstock_contracts.orders import OrderApproved, SignalRefused
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderState
from support.risk import BTC, ETH, INVERSE, START, Table, limit, of, settings

D = Decimal


def ready(**changes: Any) -> Table:
    table = Table(settings(**changes))
    table.mark()
    table.price("100")
    table.price("50", ETH)
    return table


def refusal(outputs: Any) -> tuple[str, D | None, D | None]:
    (refused,) = of(outputs, SignalRefused)
    return refused.rule, refused.limit, refused.value


def approved(outputs: Any) -> OrderApproved:
    (order,) = of(outputs, OrderApproved)
    return order


def test_order_quantity() -> None:
    table = ready(order_quantity_max=10)
    assert refusal(table.signal("long", "10.001")) == ("order_quantity", 10, D("10.001"))
    assert approved(table.signal("long", "10")).quantity == 10


def test_order_notional_counts_a_market_buy_at_the_collar() -> None:
    table = ready(order_notional_fraction_max=D("0.011"))
    assert refusal(table.signal("long", "11")) == ("order_notional", 1100, 1210)
    assert approved(table.signal("long", "10"))


def test_order_notional_counts_a_market_sell_at_the_market() -> None:
    table = ready(order_notional_fraction_max=D("0.01"))
    assert refusal(table.signal("short", "11")) == ("order_notional", 1000, 1100)
    assert approved(table.signal("short", "10"))


def test_order_notional_counts_a_limit_order_at_its_price_or_the_market_if_that_is_more() -> None:
    table = ready(order_notional_fraction_max=D("0.01"))
    assert refusal(table.signal("short", "10", style=limit("105"))) == ("order_notional", 1000, 1050)
    assert refusal(table.signal("long", "10.001", style=limit("95"), strategy="b"))[2] == D("1000.100")


def test_order_notional_of_an_inverse_contract_is_largest_at_the_lowest_price() -> None:
    table = ready(order_notional_fraction_max=D("0.01"))
    table.price("50000", INVERSE)
    table.say(Rate(base="BTC", quote="USDT", source="x", ts_event=START, ts_init=START, rate=D(50_000)))
    # A sell may get 45000: 10 * 100 / 45000 BTC at 50000 is 1111.1…
    outputs = table.signal("short", "10", price="50000", instrument=INVERSE)
    rule, cap, value = refusal(outputs)
    assert (rule, cap) == ("order_notional", 1000)
    assert value is not None
    assert round(value, 6) == D("1111.111111")


def test_position_quantity_is_per_strategy_and_instrument() -> None:
    table = ready(position_quantity_max=10, order_quantity_max=10)
    table.trade("long", "8", "100")
    assert refusal(table.signal("long", "12")) == ("position_quantity", 10, 12)
    assert approved(table.signal("long", "9", strategy="b"))
    assert approved(table.signal("long", "9", instrument=ETH, price="50"))


def test_position_notional_is_position_at_market_plus_order_at_collar() -> None:
    table = ready(position_notional_fraction_max=D("0.02"), order_notional_fraction_max=D("0.02"))
    table.trade("long", "10", "100")
    # 10 * 100 + 10 * 110
    assert refusal(table.signal("long", "20")) == ("position_notional", 2000, 2100)
    assert approved(table.signal("long", "19"))


def test_instrument_exposure_counts_all_strategies_and_their_working_orders() -> None:
    table = ready(instrument_exposure_fraction_max=D("0.02"))
    table.trade("long", "10", "100")
    working = approved(table.signal("long", "5", strategy="b"))
    # 1000 held, 550 working, 5 * 110 more
    table.over(working)
    working = approved(table.signal("long", "5", strategy="b"))
    assert refusal(table.signal("long", "15")) == ("instrument_exposure", 2000, 2100)
    table.over(working)
    assert approved(table.signal("long", "15"))


def test_opposite_strategies_offset_each_other_in_the_instrument_and_not_in_gross() -> None:
    table = ready(gross_exposure_fraction_max=D("0.02"), instrument_exposure_fraction_max=D("0.0105"))
    table.trade("long", "9", "100")
    table.trade("short", "9", "100", strategy="b")
    # Gross 900 + 900 + 2 * 110; net 0.
    assert refusal(table.signal("long", "11")) == ("gross_exposure", 2000, 2020)


def test_gross_exposure_counts_all_instruments() -> None:
    table = ready(gross_exposure_fraction_max=D("0.02"))
    table.trade("long", "10", "100")
    assert refusal(table.signal("short", "21", instrument=ETH, price="50")) == ("gross_exposure", 2000, 2050)
    assert approved(table.signal("short", "20", instrument=ETH, price="50"))


def test_net_exposure_lets_a_hedge_pass() -> None:
    table = ready(net_exposure_fraction_max=D("0.01"))
    table.trade("long", "9", "100")
    assert refusal(table.signal("long", "2", instrument=ETH, price="50")) == ("net_exposure", 1000, 1010)
    assert approved(table.signal("short", "20", instrument=ETH, price="50"))


def test_working_orders_on_one_side_do_not_pay_for_the_other() -> None:
    table = ready(net_exposure_fraction_max=D("0.01"))
    approved(table.signal("short", "20", instrument=ETH, price="50", style=limit("50")))
    assert refusal(table.signal("long", "10")) == ("net_exposure", 1000, 1100)


def test_a_reservation_ends_with_its_order() -> None:
    table = ready(gross_exposure_fraction_max=D("0.011"))
    order = approved(table.signal("long", "10"))
    assert refusal(table.signal("long", "1", instrument=ETH, price="50"))[0] == "gross_exposure"
    table.over(order, OrderState.EXPIRED)
    assert approved(table.signal("long", "1", instrument=ETH, price="50"))


def test_orders_per_second() -> None:
    table = ready(orders_per_second_max=2)
    table.signal("long", "1")
    table.signal("long", "1", strategy="b")
    assert refusal(table.signal("long", "1", instrument=ETH, price="50")) == ("orders_per_second", 2, 3)
    later = table.now + 1 + 1_000_000_000
    assert approved(table.signal("long", "1", instrument=ETH, price="50", ts=later))


def test_orders_per_minute() -> None:
    table = ready(orders_per_minute_max=2)
    table.signal("long", "1")
    table.signal("long", "1", strategy="b")
    second = 1_000_000_000
    outputs = table.signal("long", "1", instrument=ETH, price="50", ts=table.now + 60 * second)
    assert refusal(outputs) == ("orders_per_minute", 2, 3)
    assert approved(table.signal("long", "1", instrument=ETH, price="50", ts=table.now + 1 + 60 * second))


def test_reductions_pass_the_caps_on_orders_and_their_rate() -> None:
    table = ready(orders_per_second_max=1, orders_per_minute_max=1)
    table.trade("long", "10", "100")
    order = approved(table.signal("flat"))
    assert "orders_per_second" not in {check.rule for check in order.checks}
    assert all(check.value <= check.limit for check in order.checks)


def test_an_order_that_leaves_a_breach_as_it_is_passes() -> None:
    table = ready(gross_exposure_fraction_max=D("0.011"))
    table.trade("long", "10", "100")
    table.mark()
    table.price("200")
    table.mark()
    assert refusal(table.signal("long", "10.1", price="200"))[0] == "gross_exposure"
    assert approved(table.signal("long", "5", price="200")).quantity == 5


def test_an_instruments_own_limits_replace_the_general_ones() -> None:
    own = {"order_quantity_max": 5, "position_quantity_max": 5, "order_notional_fraction_max": 1,
           "position_notional_fraction_max": 1, "instrument_exposure_fraction_max": 1}  # fmt: skip
    table = ready(instrument_limits={BTC: own})
    assert refusal(table.signal("long", "6")) == ("order_quantity", 5, 6)
    assert approved(table.signal("long", "6", instrument=ETH, price="50"))


@pytest.mark.parametrize("strategy", ["a", "b"])
def test_post_only_is_passed_on(strategy: str) -> None:
    style = OrderStyle(type="limit", limit_price=D(99), post_only=True)
    assert approved(ready().signal("long", "1", strategy=strategy, style=style)).post_only
