"""Fills on books, with numbers worked by hand. Orders are decided at 100 ms and take effect at 120.

The book: bids 99 (2), 98 (5); asks 101 (2), 102 (3), 104 (10).
"""

from decimal import Decimal

import pytest
from penstock_contracts.batch import part_of
from penstock_contracts.market import Gap
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import OrderType, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderChanged
from penstock_execution.errors import UnsupportedSetting
from support.execution import (
    KEY,
    MS,
    Level,
    Row,
    Run,
    Update,
    book,
    bracket,
    order,
    quotes,
    stage,
    stop,
    trades,
)

D = Decimal
SELL = Side.SELL
WHOLE: list[Level] = [(1, 99, 2), (1, 98, 5), (-1, 101, 2), (-1, 102, 3), (-1, 104, 10)]


def run(*orders: OrderApproved, updates: list[Update] | None = None, until: float = 1000) -> Run:
    begun = Run(stage()).give(book([(10, True, WHOLE)])).until(100).give(*orders)
    if updates:
        begun.give(book(updates))
    return begun.until(until)


def fills(told: Run) -> list[tuple[Decimal, Decimal, float, str]]:
    return [(each.price, each.quantity, each.ts / MS, each.liquidity.value) for each in told.of(Fill)]


def endings(told: Run) -> list[tuple[str, str, float]]:
    changes = [each for each in told.of(OrderChanged) if each.to_state.terminal]
    return [(each.order_id, each.reason, each.ts / MS) for each in changes]


def test_a_market_order_walks_the_levels() -> None:
    assert fills(run(order(quantity="6"))) == [
        (101, 2, 120, "taker"),
        (102, 3, 120, "taker"),
        (104, 1, 120, "taker"),
    ]


def test_what_the_book_does_not_have_waits_for_the_next_update() -> None:
    told = run(
        order(quantity="8", side=SELL), updates=[(200, False, [(1, 97, "0.5")]), (300, False, [(1, 98, 9)])]
    )
    assert fills(told) == [
        (99, 2, 120, "taker"),
        (98, 5, 120, "taker"),
        (97, D("0.5"), 200, "taker"),
        (98, D("0.5"), 300, "taker"),
    ]


def test_what_we_took_stays_taken_until_the_level_is_set_again() -> None:
    first, second = order(1, quantity="2"), order(2, ms=110, quantity="1")
    assert fills(run(first, second)) == [(101, 2, 120, "taker"), (102, 1, 130, "taker")]
    told = run(first, second, updates=[(125, False, [(-1, 101, "0.25")])])
    assert fills(told)[1:] == [(101, D("0.25"), 130, "taker"), (102, D("0.75"), 130, "taker")]


def test_a_marketable_limit_walks_as_far_as_its_limit_and_then_rests() -> None:
    told = run(order(quantity="7", limit_price="102"), updates=[(200, False, [(-1, 102, 1), (-1, 101, 0)])])
    assert fills(told) == [(101, 2, 120, "taker"), (102, 3, 120, "taker"), (102, 1, 200, "maker")]


def test_a_resting_order_advances_by_trades_and_by_cancels_ahead_of_it() -> None:
    # 5 are ahead at 98. A trade takes 1; a cancel leaves 3; what is added later comes after it.
    begun = run(order(limit_price="98"))
    begun.give(trades([(1100, 98, 1)]), book([(1200, False, [(1, 98, 3)]), (1300, False, [(1, 98, 9)])]))
    begun.give(trades([(1400, 98, "3.4")])).until(1500)
    assert fills(begun) == [(98, D("0.4"), 1400, "maker")]


def test_a_trade_through_the_price_ends_the_queue() -> None:
    begun = run(order(limit_price="98")).give(trades([(1100, "97.5", "0.3")])).until(1200)
    assert fills(begun) == [(98, D("0.3"), 1100, "maker")]


def test_where_nobody_stands_nothing_is_ahead() -> None:
    begun = run(order(limit_price="99.5")).give(trades([(1100, "99.5", "0.3")])).until(1200)
    assert fills(begun) == [(D("99.5"), D("0.3"), 1100, "maker")]


def test_asks_that_come_to_a_resting_bid_fill_it_at_its_price() -> None:
    told = run(order(limit_price="98"), updates=[(200, False, [(1, 99, 0), (1, 98, 0), (-1, "97.5", "0.6")])])
    assert fills(told) == [(98, D("0.6"), 200, "maker")]


def test_a_stop_is_triggered_by_the_bids_and_walks_them() -> None:
    updates: list[Update] = [(200, False, [(1, 99, 0)]), (300, False, [(1, 98, 0), (1, 97, 1), (1, 96, 5)])]
    assert fills(run(stop(stop_price="97", quantity="2", side=SELL), updates=updates)) == [
        (97, 1, 300, "taker"),
        (96, 1, 300, "taker"),
    ]
    trailing = order(type=OrderType.TRAILING_STOP, trail="2", side=SELL)
    updates = [(200, False, [(1, 100, 1)]), (300, False, [(1, 100, 0)]), (400, False, [(1, 99, 0)])]
    assert fills(run(trailing, updates=updates)) == [(98, 1, 400, "taker")]


def test_fok_needs_its_whole_size_within_its_limit() -> None:
    whole = {"quantity": "6", "time_in_force": TimeInForce.FOK}
    told = run(order(limit_price="102", **whole))
    assert (fills(told), endings(told)) == ([], [("o-1", "fok", 120)])
    assert [each[0] for each in fills(run(order(limit_price="104", **whole)))] == [101, 102, 104]


def test_post_only_and_brackets_on_books() -> None:
    told = run(order(limit_price="101", post_only=True))
    assert endings(told) == [("o-1", "venue: post-only, and it would take", 120)]
    told = run(*bracket(order(), "98.5", "103"), updates=[(200, False, [(1, 99, 0)])])
    assert fills(told) == [(101, 1, 120, "taker"), (98, 1, 200, "taker")]
    assert endings(told) == [("o-3", "oco", 200)]


def test_nothing_trades_inside_an_update_whatever_its_rows_are_cut_into() -> None:
    # The new ask comes before the bid that it crosses is gone.
    updates: list[Update] = [(200, False, [(-1, "98.5", 1), (1, 99, 0), (1, 98, 0), (-1, "98.5", 0)])]
    whole = book(updates)
    for cut in range(1, 4):
        begun = run(order(limit_price="98.6"), until=150)
        begun.give(part_of(whole, 0, cut), part_of(whole, cut, 4)).until(1000)
        assert fills(begun) == []


def test_a_crossed_book_fills_nothing() -> None:
    told = run(order(limit_price="98"), updates=[(200, False, [(-1, 97, 5)]), (300, False, [(-1, 97, 0)])])
    assert fills(told) == []


def test_after_a_gap_nothing_trades_before_the_next_snapshot() -> None:
    begun = run(until=200)
    gap = Gap(
        instrument=KEY,
        source="test",
        ts_init=250 * MS,
        ts_from=210 * MS,
        ts_to=250 * MS,
        reason="hole",
        book=True,
    )
    begun.give(gap, book([(260, False, [(-1, 90, 5)])])).until(300)
    assert begun.give(order(ms=290)).told[-1].reason == "guard:no_price"
    begun.give(book([(350, True, WHOLE)])).until(400).give(order(2, ms=400)).until(500)
    assert fills(begun) == [(101, 1, 420, "taker")]


def test_an_order_on_its_way_when_the_gap_comes_waits_for_the_snapshot() -> None:
    gap = Gap(
        instrument=None,
        source="test",
        ts_init=110 * MS,
        ts_from=105 * MS,
        ts_to=110 * MS,
        reason="hole",
        book=True,
    )
    begun = run(order(), until=105).give(gap).until(200)
    assert fills(begun) == []
    begun.give(book([(350, True, WHOLE)])).until(400)
    assert fills(begun) == [(101, 1, 350, "taker")]


def test_a_book_comes_before_quotes() -> None:
    begun = run(until=100).give(quotes([(105, 50, 5, 51, 5)]), order()).until(200)
    assert fills(begun) == [(101, 1, 120, "taker")]


def test_when_an_empty_book_is_over_orders_fill_at_the_price_of_their_decision() -> None:
    empty: list[Level] = [(side, price, 0) for side, price, _ in WHOLE]
    begun = run(order(1), until=200).give(order(2, ms=200, side=SELL), book([(205, False, empty)])).until(300)
    assert fills(begun) == [(101, 1, 120, "taker")]
    begun.until(400, ended=True).until(500, ended=True)
    assert fills(begun)[1:] == [(D("99.98"), 1, 300, "taker")]


def test_quiet_rows_end_before_the_update_that_does_something() -> None:
    begun = run(order(limit_price="98"))
    calm: list[Update] = [(1100 + at, False, [(1, 97, at + 1), (-1, 105, at + 1)]) for at in range(20)]
    loud: Update = (1200, False, [(1, 99, 0), (1, 98, 0), (-1, "97.5", 1)])
    before = begun.stage.snapshot()
    assert begun.stage.quiet_rows(book([*calm, loud])) == 40
    assert begun.stage.quiet_rows(book(calm)) == 40
    assert begun.stage.snapshot() == before


def test_a_queue_set_for_books_is_refused() -> None:
    with pytest.raises(UnsupportedSetting, match="has books, which show it"):
        Run(stage(queue_trades=3)).give(book([(10, True, WHOLE)]))


def test_of_two_resting_orders_a_trade_fills_the_better_price_first() -> None:
    rows: list[Row] = [(1100, 97, "1.25")]
    begun = run(order(1, limit_price="98"), order(2, limit_price="98.5")).give(trades(rows)).until(1200)
    assert {each.order_id: each.quantity for each in begun.of(Fill)} == {"o-2": 1, "o-1": D("0.25")}
