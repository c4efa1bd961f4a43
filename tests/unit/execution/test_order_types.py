"""Order types and times in force on trades, with numbers worked by hand.

Prices are worsened by 2 basis points when taking. Orders are decided at 100 ms and take effect at 120.
"""

from decimal import Decimal

import pytest
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import OrderState, OrderType, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged
from penstock_kernel.grid import NS_PER_DAY
from support.execution import MS, Row, Run, cancel, order, stage, stop, trades

D = Decimal
SELL = Side.SELL


def run(*orders: OrderApproved, rows: list[Row], until: float = 1000, **paper: object) -> Run:
    """The trades after a first one at 100; the orders come at 100 ms."""
    begun = Run(stage(**{"queue_trades": 0, **paper})).give(trades([(10, 100, 1)])).until(100)
    return begun.give(*orders, trades(rows)).until(until)


def fills(told: Run) -> list[tuple[Decimal, Decimal, float, str]]:
    return [(each.price, each.quantity, each.ts / MS, each.liquidity.value) for each in told.of(Fill)]


def endings(told: Run) -> list[tuple[str, str, float, str]]:
    return [
        (each.order_id, each.to_state.value, each.ts / MS, each.reason)
        for each in told.of(OrderChanged)
        if each.to_state.terminal
    ]


def test_a_stop_is_triggered_by_a_trade_at_its_price_and_takes_the_next_one() -> None:
    rows: list[Row] = [(130, "95.5", 9), (140, 95, 9), (150, 94, "0.4"), (160, 93, 9)]
    assert fills(run(stop(stop_price="95", side=SELL), rows=rows)) == [
        (D("93.9812"), D("0.4"), 150, "taker"),  # 94 * 0.9998
        (D("92.9814"), D("0.6"), 160, "taker"),
    ]
    assert fills(run(stop(stop_price="105"), rows=[(130, "104.9", 9), (140, 106, 9), (150, 107, 9)])) == [
        (D("107.0214"), 1, 150, "taker")
    ]


def test_what_traded_before_its_effect_triggers_nothing() -> None:
    assert fills(run(stop(stop_price="95", side=SELL), rows=[(120, 90, 9), (130, 96, 9), (140, 97, 9)])) == []


def test_a_stop_that_the_price_is_beyond_already_is_triggered_by_the_first_trade() -> None:
    told = run(stop(stop_price="101", side=SELL), rows=[(130, 100, 9), (140, 99, 9)])
    assert fills(told) == [(D("98.9802"), 1, 140, "taker")]


def test_a_stop_limit_is_a_limit_order_once_triggered() -> None:
    rows: list[Row] = [(130, 105, 9), (140, "105.2", "0.3"), (150, 107, 9), (160, 106, "0.5"), (170, 105, 9)]
    assert fills(run(stop(stop_price="105", limit_price="106"), rows=rows)) == [
        (D("105.22104"), D("0.3"), 140, "taker"),  # 105.2 * 1.0002
        (D(106), D("0.5"), 160, "maker"),  # beyond at 150: it rests from there
        (D(106), D("0.2"), 170, "maker"),
    ]


def test_a_take_profit_waits_for_the_other_side() -> None:
    sale = order(type=OrderType.TAKE_PROFIT, stop_price="105", side=SELL)
    assert fills(run(sale, rows=[(130, 90, 9), (140, 105, 9), (150, "104.5", 9)])) == [
        (D("104.4791"), 1, 150, "taker")
    ]
    purchase = order(type=OrderType.TAKE_PROFIT, stop_price="95", limit_price="95.5")
    rows: list[Row] = [(130, 110, 9), (140, 95, 9), (150, 96, 9), (160, 95, 9)]
    assert fills(run(purchase, rows=rows)) == [(D("95.5"), 1, 160, "maker")]


def test_a_trailing_stop_follows_the_best_price_and_never_goes_back() -> None:
    rows: list[Row] = [(130, 100, 9), (140, 104, 9), (150, "102.1", 9), (160, 102, 9), (170, 103, 9)]
    sale = order(type=OrderType.TRAILING_STOP, trail="2", side=SELL)
    assert fills(run(sale, rows=rows)) == [(D("102.9794"), 1, 170, "taker")]  # triggered at 104 - 2
    mirrored: list[Row] = [(130, 100, 9), (140, 96, 9), (150, "97.9", 9), (160, 98, 9), (170, 99, 9)]
    purchase = order(type=OrderType.TRAILING_STOP, trail="2")
    assert fills(run(purchase, rows=mirrored)) == [(D("99.0198"), 1, 170, "taker")]


def test_a_trailing_stop_begins_at_its_stop_price() -> None:
    sale = order(type=OrderType.TRAILING_STOP, trail="2", stop_price="99", side=SELL)
    assert fills(run(sale, rows=[(130, "99.5", 9), (140, 99, 9), (150, "99.2", 9)])) == [
        (D("99.18016"), 1, 150, "taker")
    ]


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_trailing_stop_follows_over_batches_and_snapshots(cut: int) -> None:
    rows: list[Row] = [
        (130, 100, 9),
        (140, "104.25", 9),
        (150, "102.3", 9),
        (160, "102.25", 9),
        (170, 103, 9),
    ]
    begun = Run(stage()).give(trades([(10, 100, 1)])).until(100)
    begun.give(order(type=OrderType.TRAILING_STOP, trail="2", side=SELL), trades(rows[:cut]))
    fresh = stage()
    fresh.restore(begun.stage.snapshot())
    begun.stage = fresh
    assert fills(begun.give(trades(rows[cut:])).until(300)) == [(D("102.9794"), 1, 170, "taker")]


def test_fok_fills_whole_or_not_at_all() -> None:
    whole = order(time_in_force=TimeInForce.FOK)
    assert fills(run(whole, rows=[(130, 100, 1)])) == [(D("100.02"), 1, 130, "taker")]
    told = run(whole, rows=[(130, 100, "0.999"), (140, 100, 9)])
    assert fills(told) == []
    assert endings(told) == [("o-1", "cancelled", 130, "fok")]


def test_an_ioc_stop_waits_for_its_trigger_and_then_takes_once() -> None:
    sale = stop(stop_price="95", side=SELL, time_in_force=TimeInForce.IOC)
    told = run(sale, rows=[(130, 100, 9), (140, 95, 9), (150, 95, "0.4"), (160, 95, 9)])
    assert fills(told) == [(D("94.981"), D("0.4"), 150, "taker")]
    assert endings(told) == [("o-1", "cancelled", 150, "ioc")]


def test_gtd_expires_at_its_time_and_what_trades_then_still_fills_it() -> None:
    made = order(limit_price="99", time_in_force=TimeInForce.GTD, expire_at=150 * MS)
    told = run(made, rows=[(130, 100, 9), (150, 98, "0.4"), (151, 98, 9)])
    assert fills(told) == [(D(99), D("0.4"), 150, "maker")]
    assert endings(told) == [("o-1", "expired", 150, "")]
    assert told.of(OrderChanged)[-1].to_state is OrderState.EXPIRED


def test_a_day_order_expires_at_midnight() -> None:
    day = NS_PER_DAY / MS
    begun = Run(stage()).give(trades([(10, 100, 1)])).until(day - 200)
    begun.give(order(1, ms=day - 200, limit_price="99", time_in_force=TimeInForce.DAY)).until(day - 100)
    assert begun.stage.status().next_due == NS_PER_DAY
    begun.give(order(2, ms=day - 10, limit_price="98", time_in_force=TimeInForce.DAY)).until(day + 100)
    assert endings(begun) == [("o-1", "expired", day, "")]  # the other takes effect on the new day
    assert begun.until(2 * day + 100).of(OrderChanged)[-1].ts == 2 * NS_PER_DAY


def test_a_cancel_before_the_expiry_counts_and_one_after_it_does_not() -> None:
    made = order(limit_price="99", time_in_force=TimeInForce.GTD, expire_at=230 * MS)
    begun = run(made, rows=[(130, 100, 1)], until=200).give(cancel(ms=200)).until(300)
    assert endings(begun) == [("o-1", "cancelled", 220, "superseded")]
    made = order(limit_price="99", time_in_force=TimeInForce.GTD, expire_at=210 * MS)
    begun = run(made, rows=[(130, 100, 1)], until=200).give(cancel(ms=200)).until(300)
    assert endings(begun) == [("o-1", "expired", 210, "")]


def test_post_only_is_rejected_where_it_would_take_and_else_rests_from_its_effect() -> None:
    taking = order(limit_price="100.5", post_only=True)
    told = run(taking, rows=[(115, 100, 1), (130, 101, 9)])
    assert endings(told) == [("o-1", "rejected", 120, "venue: post-only, and it would take")]
    resting = order(limit_price="99", post_only=True)
    told = run(resting, rows=[(130, 98, 9)])
    assert fills(told) == [(D(99), 1, 130, "maker")]
    assert [each.ts for each in told.of(OrderAccepted)] == [120 * MS]


def test_post_only_is_judged_by_the_last_trade_up_to_its_effect_however_rows_are_cut() -> None:
    rows: list[Row] = [(115, 100, 1), (120, 102, 1), (121, 100, 1), (130, 98, 9)]
    for cut in range(len(rows) + 1):
        begun = Run(stage()).give(trades([(10, 100, 1)])).until(100)
        begun.give(order(limit_price="101", post_only=True), trades(rows[:cut]), trades(rows[cut:])).until(
            300
        )
        assert fills(begun) == [(D(101), 1, 121, "maker")]  # through its limit: the queue ahead is over


def test_reduce_only_never_goes_beyond_flat() -> None:
    begun = run(order(1, quantity="0.6"), rows=[(130, 100, 9)], until=200)
    sale = order(2, ms=200, quantity="1", side=SELL, limit_price="101", reduce_only=True)
    begun.give(sale, trades([(230, 102, 9)])).until(300)
    assert fills(begun)[1:] == [(D("101.9796"), D("0.6"), 230, "taker")]
    assert endings(begun) == [("o-2", "cancelled", 230, "reduce_only")]
    assert begun.stage.describe()["working"] == 0


def test_reduce_only_is_against_the_strategys_own_position() -> None:
    begun = run(order(1, quantity="2", strategy="two"), rows=[(130, 100, 9)], until=200)
    begun.give(order(2, ms=200, side=SELL, reduce_only=True), trades([(230, 102, 9)])).until(300)
    assert endings(begun) == [("o-2", "rejected", 220, "venue: reduce-only, and there is nothing to reduce")]


def test_when_the_data_are_over_what_waits_for_a_trigger_goes_on_waiting() -> None:
    begun = run(stop(stop_price="95", side=SELL), rows=[(130, 100, 1)], until=200).until(300, ended=True)
    assert fills(begun) == []
    assert begun.stage.describe()["working"] == 1
    begun.give(cancel(ms=300)).until(400, ended=True)
    assert endings(begun) == [("o-1", "cancelled", 320, "superseded")]
