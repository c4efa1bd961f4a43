"""Fills on quotes, with numbers worked by hand.

The quote at 10 ms is 99 to 101, 5 on each side. Orders are decided at 100 ms and take effect at 120.
"""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import OrderType, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged
from penstock_execution.errors import UnsupportedSetting
from support.execution import (
    MS,
    Quote,
    Row,
    Run,
    bars,
    bracket,
    cancel,
    instrument,
    ioc,
    order,
    quotes,
    stage,
    stop,
    trades,
)

D = Decimal
SELL = Side.SELL


def run(*orders: OrderApproved, rows: list[Quote] | None = None, first: Quote = (10, 99, 5, 101, 5)) -> Run:
    begun = Run(stage(instrument(tick_size=D("0.5")))).give(quotes([first])).until(100).give(*orders)
    if rows:
        begun.give(quotes(rows))
    return begun.until(1000)


def fills(told: Run) -> list[tuple[Decimal, Decimal, float, str]]:
    return [(each.price, each.quantity, each.ts / MS, each.liquidity.value) for each in told.of(Fill)]


def endings(told: Run) -> list[tuple[str, str, float]]:
    changes = [each for each in told.of(OrderChanged) if each.to_state.terminal]
    return [(each.order_id, each.reason, each.ts / MS) for each in changes]


def test_a_market_order_takes_the_quote_that_stands_at_its_effect() -> None:
    assert fills(run(order())) == [(101, 1, 120, "taker")]
    assert fills(run(order(side=SELL))) == [(99, 1, 120, "taker")]
    # That of 120 is there already, that of 121 is not.
    rows: list[Quote] = [(120, 98, 5, 100, 5), (121, 90, 5, 92, 5)]
    assert fills(run(order(), rows=rows)) == [(100, 1, 120, "taker")]


def test_what_the_quote_does_not_have_is_taken_at_the_next_a_tick_worse() -> None:
    rows: list[Quote] = [(200, 99, 5, 102, 1), (300, 99, 5, 100, 5)]
    assert fills(run(order(quantity="7"), rows=rows)) == [
        (101, 5, 120, "taker"),
        (D("102.5"), 1, 200, "taker"),
        (D("100.5"), 1, 300, "taker"),
    ]


def test_a_quote_without_sizes_fills_whole() -> None:
    assert fills(run(order(quantity="1000"), first=(10, 99, 0, 101, 0))) == [(101, 1000, 120, "taker")]


def test_what_we_took_of_a_quote_is_gone_until_the_next() -> None:
    told = run(order(1, quantity="4"), order(2, quantity="2"), rows=[(200, 99, 5, 103, 5)])
    assert [(each.order_id, each.price, each.quantity) for each in told.of(Fill)] == [
        ("o-1", 101, 4),
        ("o-2", 101, 1),
        ("o-2", D("103.5"), 1),
    ]


def test_a_limit_that_the_quote_meets_takes_at_the_quote_and_the_rest_rests() -> None:
    rows: list[Quote] = [(200, 99, 5, 102.5, 5), (300, 99, 5, 102, 5)]
    assert fills(run(order(quantity="6", limit_price="102"), rows=rows)) == [
        (101, 5, 120, "taker"),
        (102, 1, 300, "maker"),
    ]


def test_a_limit_rests_until_the_opposite_quote_reaches_it() -> None:
    rows: list[Quote] = [(200, 97, 5, 98.5, 5), (300, 97, 5, 98, "0.4"), (400, 96, 5, 97, 5)]
    assert fills(run(order(limit_price="98"), rows=rows)) == [
        (98, D("0.4"), 300, "maker"),
        (98, D("0.6"), 400, "maker"),
    ]


def test_trades_advance_what_rests_at_the_best_price_behind_its_queue() -> None:
    begun = run(order(limit_price="99"))
    rows: list[Row] = [(1100, 99, 3), (1200, 99, "2.5"), (1300, 100, 9), (1400, "98.5", "0.3")]
    begun.give(trades(rows)).until(2000)
    assert fills(begun) == [(99, D("0.5"), 1200, "maker"), (99, D("0.3"), 1400, "maker")]


def test_a_queue_that_is_not_shown_is_not_passed_until_it_is() -> None:
    begun = run(order(limit_price="98")).give(trades([(1100, 98, 50)])).until(1500)
    assert fills(begun) == []
    begun.give(quotes([(1600, 98, 2, 100, 5)]), trades([(1700, 98, "2.25")])).until(2000)
    assert fills(begun) == [(98, D("0.25"), 1700, "maker")]


def test_the_queue_shortens_when_the_size_at_its_price_does() -> None:
    begun = run(order(limit_price="99"), rows=[(200, 99, 1, 101, 5), (300, 99, 8, 101, 5)])
    begun.give(trades([(1100, 99, "1.5")])).until(2000)
    assert fills(begun) == [(99, D("0.5"), 1100, "maker")]


def test_inside_the_spread_nothing_is_ahead() -> None:
    begun = run(order(limit_price="100")).give(trades([(1100, 100, "0.7")])).until(2000)
    assert fills(begun) == [(100, D("0.7"), 1100, "maker")]


def test_trades_fill_no_market_order_and_bars_fill_nothing() -> None:
    begun = run(order(quantity="6")).give(trades([(1100, 90, 50)])).until(1200)
    begun.give(bars([(1300, 100, 101, 90, 95, 500)])).until(1400)
    assert fills(begun) == [(101, 5, 120, "taker")]


def test_stops_are_triggered_by_the_side_that_they_would_trade_with_and_take_it() -> None:
    rows: list[Quote] = [(200, "95.5", 5, "95.6", 5), (300, 95, "0.4", 96, 5), (400, 96, 5, 97, 5)]
    assert fills(run(stop(stop_price="95", side=SELL), rows=rows)) == [
        (95, D("0.4"), 300, "taker"),
        (D("95.5"), D("0.6"), 400, "taker"),  # the rest a tick worse than 96
    ]
    rows = [(200, 104, 5, "104.5", 5), (300, 104, 5, "105.5", 5)]
    assert fills(run(stop(stop_price="105"), rows=rows)) == [(D("105.5"), 1, 300, "taker")]
    assert fills(run(stop(stop_price="105", limit_price="105"), rows=[*rows, (400, 104, 5, 105, 5)])) == [
        (105, 1, 400, "maker")
    ]


def test_a_take_profit_and_a_trailing_stop_on_quotes() -> None:
    sale = order(type=OrderType.TAKE_PROFIT, stop_price="103", side=SELL)
    rows: list[Quote] = [(200, "102.9", 5, 103.5, 5), (300, 103, 5, 104, 5)]
    assert fills(run(sale, rows=rows)) == [(103, 1, 300, "taker")]
    sale = order(type=OrderType.TRAILING_STOP, trail="2", side=SELL)
    rows = [(200, 103, 5, 104, 5), (300, "101.1", 5, 102, 5), (400, 101, 5, 102, 5)]
    assert fills(run(sale, rows=rows)) == [(101, 1, 400, "taker")]


def test_ioc_and_fok_meet_what_stands_at_their_effect() -> None:
    told = run(ioc(quantity="6"), rows=[(200, 99, 9, 101, 9)])
    assert fills(told) == [(101, 5, 120, "taker")]
    assert endings(told) == [("o-1", "ioc", 120)]
    told = run(order(quantity="6", time_in_force=TimeInForce.FOK), rows=[(200, 99, 9, 101, 9)])
    assert fills(told) == []
    assert endings(told) == [("o-1", "fok", 120)]
    assert fills(run(order(quantity="5", time_in_force=TimeInForce.FOK))) == [(101, 5, 120, "taker")]


def test_post_only_is_rejected_at_the_opposite_quote() -> None:
    told = run(order(limit_price="101", post_only=True))
    assert endings(told) == [("o-1", "venue: post-only, and it would take", 120)]
    told = run(order(limit_price="100.5", post_only=True), rows=[(200, 99, 5, 100, 5)])
    assert [each.ts / MS for each in told.of(OrderAccepted)] == [120]
    assert fills(told) == [(D("100.5"), 1, 200, "maker")]


def test_gtd_and_cancels_end_an_order_on_quotes() -> None:
    made = order(limit_price="98", time_in_force=TimeInForce.GTD, expire_at=250 * MS)
    assert endings(run(made, rows=[(251, 90, 5, 91, 5)])) == [("o-1", "", 250)]
    begun = run(order(limit_price="98")).give(cancel(ms=1000), quotes([(1021, 90, 5, 91, 5)])).until(1100)
    assert fills(begun) == []
    assert endings(begun) == [("o-1", "superseded", 1020)]


def test_a_bracket_on_quotes() -> None:
    rows: list[Quote] = [(200, 104, 5, 105, 5), (300, 95, 5, 96, 5), (400, 110, 5, 111, 5)]
    told = run(*bracket(order(), "96", "105"), rows=rows)
    assert [(each.order_id, each.price) for each in told.of(Fill)] == [("o-1", 101), ("o-2", 95)]
    assert endings(told) == [("o-3", "oco", 300)]
    rows = [(200, 105, "0.25", 106, 5), (300, 95, 5, 96, 5)]
    told = run(*bracket(order(), "96", "105"), rows=rows)
    assert fills(told)[1:] == [(105, D("0.25"), 200, "maker"), (95, D("0.75"), 300, "taker")]


def test_what_rests_of_one_strategy_reduces_only_its_own() -> None:
    told = run(order(1, quantity="0.5"), order(2, ms=105, side=SELL, reduce_only=True))
    assert [(each.order_id, each.quantity) for each in told.of(Fill)] == [
        ("o-1", D("0.5")),
        ("o-2", D("0.5")),
    ]


def test_when_quotes_are_over_what_the_last_one_does_not_have_fills_there_slipped() -> None:
    begun = run(order(1, quantity="5"), rows=[(200, 99, 3, 100, 5)]).until(1100, ended=True)
    begun.give(order(2, ms=1100, quantity="5", side=SELL)).until(1300, ended=True).until(1500, ended=True)
    assert fills(begun)[1:] == [(99, 3, 1120, "taker"), (D("98.9802"), 2, 1120, "taker")]


def test_a_queue_set_for_quotes_is_refused() -> None:
    made = Run(stage(queue_trades=3))
    with pytest.raises(UnsupportedSetting, match="has quotes, which show it"):
        made.give(quotes([(10, 99, 5, 101, 5)]))


@pytest.mark.parametrize("changes", [{"limit_price": "98"}, {"type": OrderType.STOP, "stop_price": "103"}])
def test_quiet_rows_are_those_before_the_one_that_does_something(changes: dict[str, Any]) -> None:
    begun = run(order(**changes))
    level = "98" if "limit_price" in changes else "103"
    rows: list[Quote] = [(1100 + at, 99, 5, 101, 5) for at in range(50)]
    rows.append((1200, 97, 5, level, 5))
    before = begun.stage.snapshot()
    assert begun.stage.quiet_rows(quotes(rows)) == 50
    assert begun.stage.snapshot() == before
