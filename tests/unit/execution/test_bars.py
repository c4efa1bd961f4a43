"""Fills on bars, with numbers worked by hand.

Bars are 100 ms long. The bar that ends at 100 ms is known before the order, which is decided then and takes
effect at 120 ms: the bar from 100 to 200 ms is the first that it sees.
"""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import Liquidity, OrderState, Side
from penstock_contracts.venue import Fill, OrderChanged
from penstock_execution.errors import UnsupportedSetting
from support.execution import MS, Bar, Run, bars, cancel, instrument, ioc, order, stage, trades

D = Decimal
WARM: list[Bar] = [(100, 100, 101, 99, 100, 50)]


def run(
    *orders: OrderApproved, rows: list[Bar], definition: dict[str, Any] | None = None, **paper: Any
) -> Run:
    begun = Run(stage(instrument(**(definition or {})), **paper)).give(bars(WARM)).until(100)
    begun.give(*orders)
    for row in rows:
        begun.give(bars([row])).until(row[0])
    return begun


def fills(
    *orders: OrderApproved, rows: list[Bar], **options: Any
) -> list[tuple[Decimal, Decimal, float, str]]:
    told = run(*orders, rows=rows, **options).of(Fill)
    return [(fill.price, fill.quantity, fill.ts / MS, fill.liquidity.value) for fill in told]


def test_a_market_order_takes_the_open_of_the_first_bar_that_ends_after_its_effect() -> None:
    assert fills(order(), rows=[(200, 102, 103, 101, 102, 50)]) == [(D("102.0204"), 1, 120, "taker")]
    assert fills(order(side=Side.SELL), rows=[(200, 102, 103, 101, 102, 50)]) == [
        (D("101.9796"), 1, 120, "taker")
    ]


def test_a_bar_that_ends_at_the_effect_is_not_seen() -> None:
    told = fills(
        order(),
        rows=[(200, 102, 103, 101, 102, 50), (300, 105, 106, 104, 105, 50)],
        submit_latency_ns=100 * MS,
    )
    assert told == [(D("105.0210"), 1, 200, "taker")]


def test_it_gets_its_share_of_the_volume_and_the_rest_waits_for_the_next_bar() -> None:
    rows: list[Bar] = [
        (200, 100, 101, 99, 100, 6),
        (300, 101, 102, 100, 101, "3.009"),
        (400, 102, 103, 101, 102, 50),
    ]
    assert fills(order(), rows=rows) == [
        (D("100.02"), D("0.6"), 120, "taker"),
        (D("101.0202"), D("0.3"), 200, "taker"),  # 0.3009 is 0.300 in whole lots
        (D("102.0204"), D("0.1"), 300, "taker"),
    ]


def test_a_bar_without_volume_fills_nothing() -> None:
    rows: list[Bar] = [(200, 100, 100, 100, 100, 0), (300, 101, 102, 100, 101, 50)]
    assert fills(order(), rows=rows) == [(D("101.0202"), 1, 200, "taker")]


def test_volume_in_quote_currency_is_converted_at_the_high() -> None:
    rows: list[Bar] = [(200, 100, 125, 100, 100, 500)]
    assert fills(order(), rows=rows, definition={"volume_unit": "quote"}) == [
        (D("100.02"), D("0.4"), 120, "taker")  # 500 / 125 x 10 %
    ]


def test_volume_counts_in_contracts() -> None:
    rows: list[Bar] = [(200, 100, 125, 80, 100, 50)]
    linear = {"multiplier": D(10), "lot_size": D("0.1")}
    assert fills(order(), rows=rows, definition=linear)[0][1] == D("0.5")  # 50 / 10 x 10 %
    inverse = {"multiplier": D(1000), "lot_size": D("0.1"), "inverse": True}
    assert fills(order(), rows=rows, definition=inverse)[0][1] == D("0.4")  # 50 x 80 / 1000 x 10 %
    inverse["volume_unit"] = "quote"
    rows = [(200, 100, 125, 80, 100, 5000)]
    assert fills(order(), rows=rows, definition=inverse)[0][1] == D("0.5")  # 5000 / 1000 x 10 %


def test_a_limit_fills_only_when_the_bar_trades_through_it() -> None:
    rows: list[Bar] = [(200, 100, 101, 99, 100, 50), (300, 100, 101, "98.999", 100, 50)]
    assert fills(order(limit_price="99"), rows=rows) == [(99, 1, 200, "maker")]
    rows = [(200, 100, 101, 99, 100, 50), (300, 100, "101.001", 99, 100, 50)]
    assert fills(order(side=Side.SELL, limit_price="101"), rows=rows) == [(101, 1, 200, "maker")]


def test_a_limit_fills_at_the_open_when_the_bar_opens_beyond_it() -> None:
    assert fills(order(limit_price="99"), rows=[(200, 98, 100, 97, 100, 50)]) == [(98, 1, 120, "taker")]
    rested: list[Bar] = [(200, 100, 101, 100, 100, 50), (300, 98, 100, 97, 100, 50)]
    assert fills(order(limit_price="99"), rows=rested) == [(98, 1, 200, "maker")]
    rested = [(200, 100, 101, 100, 100, 50), (300, 103, 104, 102, 103, 50)]
    assert fills(order(side=Side.SELL, limit_price="102"), rows=rested) == [(103, 1, 200, "maker")]


def test_a_bar_that_opens_at_the_limit_lets_it_rest() -> None:
    rows: list[Bar] = [(200, 99, 100, 98, 99, 50)]
    assert fills(order(limit_price="99"), rows=rows) == [(99, 1, 120, "maker")]
    assert fills(order(limit_price="99"), rows=[(200, 99, 100, 99, 99, 50)]) == []


def test_the_volume_share_is_divided_by_price_then_time() -> None:
    orders = [order(1, limit_price="99"), order(2, limit_price="99.5"), order(3, quantity="2")]
    told = run(*orders, rows=[(200, 100, 101, 98, 100, 35)]).of(Fill)
    assert [(fill.order_id, fill.quantity) for fill in sorted(told, key=lambda fill: fill.order_id)] == [
        ("o-1", D("0.5")),
        ("o-2", D(1)),
        ("o-3", D(2)),
    ]


def test_an_ioc_takes_only_at_the_open_of_its_first_bar() -> None:
    rows: list[Bar] = [(200, 100, 101, 98, 100, 6), (300, 98, 101, 98, 100, 50)]
    told = run(ioc(1), ioc(2, limit_price="99"), rows=rows)
    assert [(fill.order_id, fill.quantity) for fill in told.of(Fill)] == [("o-1", D("0.6"))]
    assert [(change.order_id, change.reason, change.ts // MS) for change in told.of(OrderChanged)] == [
        ("o-1", "ioc", 120),
        ("o-2", "ioc", 120),
    ]
    assert fills(ioc(limit_price="99"), rows=[(200, 98, 101, 98, 100, 50)]) == [(98, 1, 120, "taker")]


def test_a_cancel_in_effect_before_the_bar_is_known_is_in_time() -> None:
    begun = Run(stage()).give(bars(WARM)).until(100).give(order())
    begun.give(cancel(ms=100)).give(bars([(200, 100, 101, 99, 100, 50)])).until(200)
    assert begun.of(Fill) == []
    changes = begun.of(OrderChanged)
    assert [change.to_state for change in changes] == [OrderState.CANCEL_PENDING, OrderState.CANCELLED]


def test_trades_fill_an_instrument_that_has_both() -> None:
    begun = Run(stage()).give(trades([(50, 100, 1)]), bars(WARM)).until(100).give(order())
    begun.give(bars([(200, 90, 91, 89, 90, 50)])).until(200)
    assert begun.of(Fill) == []
    assert begun.give(trades([(250, 100, 5)])).until(300).of(Fill)[0].price == D("100.02")


def test_the_shortest_bars_fill_where_there_are_several() -> None:
    begun = Run(stage()).give(bars(WARM), bars(WARM, interval_ms=1000)).until(100).give(order())
    begun.give(bars([(200, 90, 91, 89, 90, 50)], interval_ms=1000)).until(200)
    assert begun.of(Fill) == []


def test_a_queue_set_for_bars_is_refused() -> None:
    with pytest.raises(
        UnsupportedSetting, match=r"execution\.paper\.queue_trades: btc-usdt\.test has bars only"
    ):
        Run(stage(queue_trades=5)).give(bars(WARM))


def test_liquidity_decides_the_fee() -> None:
    (fill,) = run(order(limit_price="99"), rows=[(200, 100, 101, 98, 100, 50)]).of(Fill)
    assert (fill.liquidity, fill.fee) == (Liquidity.MAKER, D("0.0198"))


def test_a_bar_that_fills_one_order_passes_another_that_takes_effect_at_its_end() -> None:
    begun = Run(stage()).give(bars(WARM)).until(100).give(order(1, ms=100), order(2, ms=180))
    begun.give(bars([(200, 100, 101, 99, 100, 50), (300, 103, 104, 102, 103, 50)])).until(300)
    assert [(fill.order_id, fill.price, fill.ts // MS) for fill in begun.of(Fill)] == [
        ("o-1", D("100.02"), 120),
        ("o-2", D("103.0206"), 200),
    ]


def test_a_bar_that_fills_one_order_passes_another_that_was_cancelled_before_it_was_known() -> None:
    begun = Run(stage()).give(bars(WARM)).until(100).give(order(1), order(2), cancel(1, ms=150))
    begun.give(bars([(200, 100, 101, 99, 100, 50)])).until(200)
    assert [fill.order_id for fill in begun.of(Fill)] == ["o-2"]
