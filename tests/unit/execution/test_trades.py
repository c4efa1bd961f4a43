"""Fills on trades, with numbers worked by hand.

Trades of `warm` are known before the order; it is decided at 100 ms and takes effect at 120 ms. Half the
spread (1 bp) and slippage (1 bp) cost 2 basis points.
"""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import Liquidity, OrderState, Side
from penstock_contracts.venue import Fill, OrderChanged
from support.execution import KEY, MS, Row, Run, cancel, instrument, ioc, order, stage, trades

D = Decimal
WARM: list[Row] = [(10, 100, 1), (20, 101, 2), (30, 100, 3)]


def run(*orders: OrderApproved, rows: list[Row], warm: list[Row] = WARM, **paper: Any) -> Run:
    begun = Run(stage(**paper)).give(trades(warm)).until(100)
    return begun.give(*orders, trades(rows)).until(1000)


def fills(*orders: OrderApproved, rows: list[Row], **options: Any) -> list[tuple[Decimal, Decimal, float]]:
    told = run(*orders, rows=rows, **options).of(Fill)
    return [(fill.price, fill.quantity, fill.ts / MS) for fill in told]


def test_a_market_order_takes_the_next_trade_slipped() -> None:
    (fill,) = run(order(), rows=[(150, 102, 5)]).of(Fill)
    assert (fill.price, fill.quantity, fill.quantity_left) == (D("102.0204"), 1, 0)
    assert (fill.ts, fill.ts_known) == (150 * MS, 170 * MS)
    assert fill.fee == D("102.0204") * D("0.0005") == D("0.05101020")
    assert (fill.fee_currency, fill.liquidity, fill.venue) == ("USDT", Liquidity.TAKER, "test")


def test_a_market_sell_gets_less_than_the_trade() -> None:
    assert fills(order(side=Side.SELL), rows=[(150, 102, 5)]) == [(D("101.9796"), 1, 150)]


def test_spread_and_slippage_are_settings() -> None:
    assert fills(order(), rows=[(150, 100, 5)], spread_bps=10, slippage_bps=0) == [(D("100.05"), 1, 150)]


def test_a_trade_at_the_effect_time_came_before_the_order() -> None:
    assert fills(order(), rows=[(120, 90, 5), (121, 100, 5)]) == [(D("100.02"), 1, 121)]


def test_an_order_is_not_in_effect_before_the_end_of_its_interval() -> None:
    begun = Run(stage(submit_latency_ns=0)).give(trades(WARM)).until(100)
    begun.give(order(ms=40), trades([(101, 100, 5)])).until(200)
    assert [fill.ts for fill in begun.of(Fill)] == [101 * MS]


def test_a_market_order_gets_at_most_each_trades_size() -> None:
    assert fills(order(quantity="1.5"), rows=[(150, 100, "0.4"), (160, 101, "0.6"), (170, 102, 9)]) == [
        (D("100.02"), D("0.4"), 150),
        (D("101.0202"), D("0.6"), 160),
        (D("102.0204"), D("0.5"), 170),
    ]


def test_partial_fills_are_whole_lots() -> None:
    begun = Run(stage(instrument(lot_size=D("0.01")))).give(trades(WARM)).until(100)
    begun.give(order(), trades([(150, 100, "0.018"), (160, 100, "0.009"), (170, 100, 2)])).until(1000)
    assert [fill.quantity for fill in begun.of(Fill)] == [D("0.01"), D("0.99")]


def test_a_market_ioc_takes_one_trade_and_gives_up_the_rest() -> None:
    told = run(ioc(), rows=[(150, 100, "0.4"), (160, 100, 9)])
    assert [fill.quantity for fill in told.of(Fill)] == [D("0.4")]
    (change,) = told.of(OrderChanged)
    assert (change.to_state, change.reason, change.ts) == (OrderState.CANCELLED, "ioc", 150 * MS)
    assert change.from_state is OrderState.PARTIALLY_FILLED


def test_a_limit_ioc_that_the_next_trade_does_not_reach_is_cancelled() -> None:
    told = run(ioc(limit_price="99"), rows=[(150, 99, 9), (160, 98, 9)])
    assert told.of(Fill) == []
    assert [change.to_state for change in told.of(OrderChanged)] == [OrderState.CANCELLED]


def test_a_limit_that_the_first_trade_is_beyond_takes_and_never_pays_more_than_its_limit() -> None:
    (fill,) = run(order(limit_price="101"), rows=[(150, 100, 5)]).of(Fill)
    assert (fill.price, fill.liquidity) == (D("100.02"), Liquidity.TAKER)
    (fill,) = run(order(limit_price="100.01"), rows=[(150, 100, 5)]).of(Fill)
    assert (fill.price, fill.liquidity) == (D("100.01"), Liquidity.TAKER)
    (fill,) = run(order(side=Side.SELL, limit_price="99.99"), rows=[(150, 100, 5)]).of(Fill)
    assert (fill.price, fill.liquidity) == (D("99.99"), Liquidity.TAKER)


def test_a_taking_limit_rests_from_the_first_trade_that_is_not_beyond_it() -> None:
    rows: list[Row] = [(150, 100, "0.2"), (160, 102, 1), (170, 100, "0.5"), (180, 99, 9)]
    told = run(order(limit_price="101"), rows=rows).of(Fill)
    assert [(fill.price, fill.quantity, fill.liquidity) for fill in told] == [
        (D("100.02"), D("0.2"), Liquidity.TAKER),
        (D(101), D("0.5"), Liquidity.MAKER),
        (D(101), D("0.3"), Liquidity.MAKER),
    ]


def test_a_trade_through_a_resting_limit_fills_it_at_the_limit_as_maker() -> None:
    (fill,) = run(order(limit_price="99"), rows=[(150, 100, 5), (160, "98.999", 5)]).of(Fill)
    assert (fill.price, fill.quantity, fill.ts) == (D(99), 1, 160 * MS)
    assert (fill.liquidity, fill.fee) == (Liquidity.MAKER, D("0.0198"))


def test_a_trade_at_the_limit_fills_only_what_the_queue_ahead_leaves() -> None:
    # The three trades before it make a queue of 1 + 2 + 3 = 6, and the one that made it rest is not ahead.
    rows: list[Row] = [(150, 100, 7), (160, 99, 4), (170, 99, "2.25"), (180, 99, 9)]
    told = fills(order(limit_price="99"), rows=rows, queue_trades=3)
    # The trade at 150 was not at 99; that at 160 leaves 2 ahead, that at 170 leaves 0.25 for us.
    assert told == [(D(99), D("0.25"), 170), (D(99), D("0.75"), 180)]


def test_the_trade_at_which_an_order_comes_to_rest_already_uses_its_queue_up() -> None:
    assert fills(order(limit_price="100"), rows=[(150, 100, 7)], queue_trades=3) == [(D(100), 1, 150)]


def test_the_queue_is_the_last_trades_before_the_order_rests() -> None:
    assert fills(order(limit_price="99"), rows=[(150, 100, 7), (160, 99, 4)], queue_trades=1) == [
        (99, 1, 160)
    ]
    rows: list[Row] = [(110, 100, 5), (150, 100, 7), (160, 99, 6), (170, 99, "0.5")]
    # 110 ms is before the effect: the last two trades are then 3 and 5.
    assert fills(order(limit_price="99"), rows=rows, queue_trades=2) == []
    rows[-1] = (170, 99, "2.5")
    assert fills(order(limit_price="99"), rows=rows, queue_trades=2) == [(99, D("0.5"), 170)]


def test_a_queue_of_no_trades_puts_the_order_in_front() -> None:
    rows: list[Row] = [(150, 100, 7), (160, 99, "0.3")]
    assert fills(order(limit_price="99"), rows=rows, queue_trades=0) == [(99, D("0.3"), 160)]


def test_a_trade_through_ends_the_queue() -> None:
    rows: list[Row] = [(150, 100, 1), (160, 98, "0.1"), (170, 99, "0.2")]
    assert fills(order(limit_price="99"), rows=rows) == [(99, D("0.1"), 160), (99, D("0.2"), 170)]


def test_one_trade_is_shared_by_price_then_time() -> None:
    orders = [
        order(1, limit_price="99"),
        order(2, limit_price="99.5"),
        order(3, limit_price="99.5"),
        order(4, quantity="0.1"),
    ]
    told = run(*orders, rows=[(150, 100, "0.1"), (160, 98, "2.5"), (170, 98, 9)]).of(Fill)
    assert [(fill.order_id, fill.quantity, fill.ts // MS) for fill in told] == [
        ("o-4", D("0.1"), 150),
        ("o-1", D("0.5"), 160),
        ("o-2", D(1), 160),
        ("o-3", D(1), 160),
        ("o-1", D("0.5"), 170),
    ]


def test_orders_behind_one_queue_share_what_it_leaves() -> None:
    orders = [order(1, limit_price="99"), order(2, limit_price="99")]
    told = run(*orders, rows=[(150, 100, 1), (160, 99, "7.5")], queue_trades=3).of(Fill)
    assert [(fill.order_id, fill.quantity) for fill in told] == [("o-1", 1), ("o-2", D("0.5"))]


def test_an_earlier_effect_comes_first_at_the_same_price() -> None:
    late, early = order(1, ms=100, limit_price="99"), order(2, ms=90, limit_price="99")
    told = run(late, early, rows=[(150, 100, 1), (160, 98, "0.5")]).of(Fill)
    assert [fill.order_id for fill in told] == ["o-2"]


def test_fees_can_be_set_and_a_negative_one_is_a_rebate() -> None:
    (fill,) = run(order(), rows=[(150, 100, 5)], fee_taker=D("0.001")).of(Fill)
    assert fill.fee == D("0.10002")
    rows: list[Row] = [(150, 100, 5), (160, 98, 5)]
    (fill,) = run(order(limit_price="99"), rows=rows, fee_maker=D("-0.0001")).of(Fill)
    assert fill.fee == D("-0.0099")


def test_the_multiplier_and_an_inverse_contract_count_in_the_fee() -> None:
    linear = instrument(multiplier=D("0.01"))
    begun = (
        Run(stage(linear)).give(trades(WARM)).until(100).give(order(), trades([(150, 100, 5)])).until(1000)
    )
    assert begun.of(Fill)[0].fee == D("100.02") * D("0.01") * D("0.0005")
    inverse = instrument(multiplier=D(100), inverse=True, settlement="BTC")
    begun = Run(stage(inverse, spread_bps=0, slippage_bps=0)).give(trades(WARM)).until(100)
    (fill,) = begun.give(order(quantity="4"), trades([(150, 100, 5)])).until(1000).of(Fill)
    assert (fill.fee, fill.fee_currency) == (D("0.002"), "BTC")  # 4 x 100 / 100 x 0.0005


def test_other_instruments_do_not_fill_it() -> None:
    other = instrument("eth-usdt.test")
    begun = Run(stage(instrument(), other)).give(trades(WARM)).until(100)
    begun.give(order(), trades([(150, 100, 5)], key="eth-usdt.test")).until(1000)
    assert begun.of(Fill) == []
    assert begun.give(trades([(1100, 100, 5)], key=KEY)).until(1200).of(Fill)


def test_sizes_of_different_scales_make_one_queue() -> None:
    begun = Run(stage(queue_trades=2)).give(trades([(10, 100, 1)], scale=1), trades([(20, 100, 2)], scale=4))
    begun.until(100).give(order(limit_price="99"), trades([(150, 100, 9)], scale=2))
    begun.give(trades([(160, 99, "3.5")], scale=1)).until(1000)
    assert [fill.quantity for fill in begun.of(Fill)] == [D("0.5")]


@pytest.mark.parametrize("limit", ["98.9999", "99.0001"])
def test_a_limit_finer_than_the_prices_of_the_batch_is_compared_exactly(limit: str) -> None:
    told = fills(order(limit_price=limit), rows=[(150, 100, 7), (160, 99, 4)])
    assert told == ([(D(limit), 1, 160)] if limit == "99.0001" else [])


def test_a_trade_that_fills_one_order_passes_another_that_takes_effect_with_it() -> None:
    told = run(order(1, ms=100), order(2, ms=110), rows=[(130, 100, 5), (140, 101, 5)]).of(Fill)
    assert [(fill.order_id, fill.ts // MS) for fill in told] == [("o-1", 130), ("o-2", 140)]


def test_a_trade_that_fills_one_order_passes_another_that_was_cancelled_before_it() -> None:
    begun = Run(stage()).give(trades(WARM)).until(100).give(order(1), order(2), cancel(1, ms=100))
    begun.give(trades([(121, 100, 1)])).until(1000)
    assert [fill.order_id for fill in begun.of(Fill)] == ["o-2"]


def test_the_scale_of_the_data_leaves_no_trace_in_a_fill() -> None:
    begun = Run(stage()).give(trades(WARM)).until(100).give(order(quantity="1.500"))
    (fill,) = begun.give(trades([(150, 100, 5)], scale=9)).until(1000).of(Fill)
    assert [str(each) for each in (fill.price, fill.quantity, fill.fee)] == ["100.02", "1.5", "0.075015"]
    assert str(fill.quantity_left) == "0"
