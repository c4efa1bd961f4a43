"""Brackets, one-cancels-other and replacements, with numbers worked by hand."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.base import Message
from penstock_contracts.types import OrderState, Side
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged
from support.execution import MS, Bar, Row, Run, bars, bracket, cancel, order, stage, stop, trades

D = Decimal
SELL = Side.SELL


def on_trades(*given: Message, rows: list[Row], until: float = 1000) -> Run:
    begun = Run(stage(queue_trades=0)).give(trades([(10, 100, 1)])).until(100)
    return begun.give(*given, trades(rows)).until(until)


def on_bars(*given: Message, rows: list[Bar]) -> Run:
    begun = Run(stage()).give(bars([(100, 100, 101, 99, 100, 50)])).until(100).give(*given)
    for row in rows:
        begun.give(bars([row])).until(row[0])
    return begun.until(2000)


def fills(told: Run) -> list[tuple[str, Decimal, Decimal, float]]:
    return [(each.order_id, each.price, each.quantity, each.ts / MS) for each in told.of(Fill)]


def endings(told: Run) -> list[tuple[str, str, float]]:
    changes = [each for each in told.of(OrderChanged) if each.to_state.terminal]
    return [(each.order_id, each.reason, each.ts / MS) for each in changes]


def test_the_stop_and_the_target_work_from_the_entrys_fill_on() -> None:
    # The 106 before the entry is filled reaches no target; the 105.5 after it does.
    rows: list[Row] = [(130, 106, 9), (140, 99, 9), (150, 100, 9), (160, "105.5", 9), (170, 90, 9)]
    told = on_trades(*bracket(order(limit_price="99.5"), "95", "105"), rows=rows)
    assert fills(told) == [("o-1", D("99.5"), 1, 140), ("o-3", D(105), 1, 160)]
    assert endings(told) == [("o-2", "oco", 160)]
    assert [each.order_id for each in told.of(OrderAccepted)] == ["o-1", "o-2", "o-3"]


def test_the_stop_cancels_the_target() -> None:
    rows: list[Row] = [(130, 100, 9), (140, 95, 9), (150, 94, 9), (160, 106, 9)]
    told = on_trades(*bracket(order(), "95", "105"), rows=rows)
    assert fills(told) == [("o-1", D("100.02"), 1, 130), ("o-2", D("93.9812"), 1, 150)]
    assert endings(told) == [("o-3", "oco", 150)]
    assert told.stage.describe()["working"] == 0


def test_what_the_target_fills_in_part_the_stop_does_not_sell_again() -> None:
    rows: list[Row] = [(130, 100, 9), (140, 104, 9), (150, 106, "0.4"), (160, 95, 9), (170, 94, 9)]
    told = on_trades(*bracket(order(), "95", "105"), rows=rows)
    assert fills(told)[1:] == [("o-3", D(105), D("0.4"), 150), ("o-2", D("93.9812"), D("0.6"), 170)]
    assert sorted(endings(told)) == [("o-2", "oco", 170), ("o-3", "oco", 170)]


def test_an_exit_ends_what_is_left_of_the_entry() -> None:
    rows: list[Row] = [(130, 100, "0.4"), (140, 106, "0.1"), (150, 99, 9), (160, 94, 9), (170, 93, 9)]
    told = on_trades(*bracket(order(limit_price="100.5"), "95", "105"), rows=rows)
    # Of the 0.4 that were bought the target sells 0.1; the 0.6 that are missing are not bought any more.
    assert fills(told) == [
        ("o-1", D("100.02"), D("0.4"), 130),
        ("o-3", D(105), D("0.1"), 140),
        ("o-2", D("92.9814"), D("0.3"), 170),
    ]
    assert endings(told) == [("o-1", "bracket", 140), ("o-2", "oco", 170), ("o-3", "oco", 170)]


def test_an_entry_that_ends_without_a_fill_takes_its_bracket_along() -> None:
    begun = on_trades(*bracket(order(limit_price="90"), "85", "105"), rows=[(130, 100, 9)], until=200)
    begun.give(cancel(1, ms=200), trades([(230, 80, 9), (240, 110, 9)])).until(300)
    assert fills(begun) == []
    assert endings(begun) == [("o-1", "superseded", 220), ("o-2", "parent", 220), ("o-3", "parent", 220)]
    told = on_trades(*bracket(order(limit_price="105", post_only=True), "85", "110"), rows=[(130, 100, 9)])
    assert [each[1] for each in endings(told)] == ["venue: post-only, and it would take", "parent", "parent"]


def test_a_trailing_stop_protects_from_the_entry_on() -> None:
    rows: list[Row] = [(130, 110, 9), (140, 99, 9), (150, 104, 9), (160, "101.5", 9), (170, 101, 9)]
    told = on_trades(*bracket(order(limit_price="99.5"), trail="2.5"), rows=[(125, 110, 1), *rows])
    assert [each[0] for each in fills(told)] == ["o-1", "o-2"]
    assert fills(told)[1] == ("o-2", D("100.9798"), 1, 170)  # triggered by 101.5 = 104 - 2.5


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Entry at the open, then the stop, whatever the high was.
        ((200, 100, 106, 94, 100, 500), [("o-2", D("94.981"))]),
        # Entry at the open, then the target.
        ((200, 100, 106, 96, 100, 500), [("o-3", D(105))]),
        # Neither.
        ((200, 100, 105, 96, 100, 500), []),
        # The bar opens beyond the stop: out at the open.
        ((200, 94, 95, 90, 92, 500), [("o-2", D("93.9812"))]),
    ],
)
def test_the_bar_of_a_market_entry_counts_from_its_open(row: Bar, expected: list[tuple[str, D]]) -> None:
    told = on_bars(*bracket(order(), "95", "105"), rows=[row])
    assert [(each.order_id, each.price) for each in told.of(Fill)[1:]] == expected
    assert {each.ts for each in told.of(Fill)} == {120 * MS}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # Entry at 98 within the bar: what it reached before or after counts against us, not for us.
        ((200, 100, 106, 94, 100, 500), [("o-2", D("94.981"))]),
        ((200, 100, 106, 97, 100, 500), []),
    ],
)
def test_the_bar_of_a_limit_entry_counts_only_against_us(row: Bar, expected: list[tuple[str, D]]) -> None:
    told = on_bars(*bracket(order(limit_price="98"), "95", "105"), rows=[row])
    assert [(each.order_id, each.price) for each in told.of(Fill)[1:]] == expected


def test_the_bar_of_a_stop_entry_counts_only_against_us() -> None:
    # In at 103 on the way up; the low of 97 may have come after: out at 98, slipped.
    told = on_bars(*bracket(stop(stop_price="103"), "98", "110"), rows=[(200, 100, 111, 97, 105, 500)])
    assert [(each.order_id, each.price) for each in told.of(Fill)] == [
        ("o-1", D("103.0206")),
        ("o-2", D("97.9804")),
    ]
    # A stop above the open was passed on the way: it counts too, at its own price.
    told = on_bars(*bracket(stop(stop_price="103"), "101", "110"), rows=[(200, 100, 105, 100, 105, 500)])
    assert [each.price for each in told.of(Fill)] == [D("103.0206"), D("100.9798")]


def test_entry_and_exit_share_the_volume_of_their_bar() -> None:
    told = on_bars(*bracket(order(), "95"), rows=[(200, 100, 101, 94, 96, 15), (300, 97, 99, 96, 98, 50)])
    assert fills(told) == [
        ("o-1", D("100.02"), 1, 120),
        ("o-2", D("94.981"), D("0.5"), 120),
        ("o-2", D("96.9806"), D("0.5"), 200),
    ]


def test_a_replacement_takes_the_place_of_an_order_that_works() -> None:
    begun = on_trades(order(1, limit_price="90"), rows=[(130, 100, 9)], until=200)
    begun.give(order(2, ms=200, limit_price="95", quantity="0.5", replaces="o-1", replaces_left="1"))
    begun.give(trades([(215, 89, "0.1"), (230, 94, 9)]))
    begun.until(300)
    # Until it takes effect at 220 the old one works; it filled, so nothing is replaced.
    assert endings(begun) == [("o-2", "venue: the order to replace has filled meanwhile", 220)]
    states = [each.to_state for each in begun.of(OrderChanged) if each.order_id == "o-1"]
    assert states == [OrderState.REPLACE_PENDING, OrderState.PARTIALLY_FILLED]


def test_after_the_replacement_only_the_new_order_works() -> None:
    begun = on_trades(order(1, limit_price="90"), rows=[(130, 100, 9)], until=200)
    begun.give(order(2, ms=200, limit_price="95", quantity="0.5", replaces="o-1", replaces_left="1"))
    begun.give(trades([(230, 100, 9), (240, 89, 9)])).until(300)
    assert fills(begun) == [("o-2", D(95), D("0.5"), 240)]
    assert [(each.order_id, each.to_state) for each in begun.of(OrderChanged)] == [
        ("o-1", OrderState.REPLACE_PENDING),
        ("o-1", OrderState.REPLACED),
    ]
    assert begun.stage.describe()["working"] == 0


def test_an_order_that_does_not_work_yet_or_any_more_cannot_be_replaced() -> None:
    given = [order(1, limit_price="90"), order(2, limit_price="95", replaces="o-1", replaces_left="1")]
    told = on_trades(*given, rows=[(130, 100, 9)])
    assert endings(told) == [("o-2", "the order to replace does not work", 100)]
    begun = on_trades(order(1, limit_price="99"), rows=[(130, 100, 9), (190, 98, 9)], until=200)
    begun.give(order(2, ms=200, limit_price="95", replaces="o-1", replaces_left="1")).until(300)
    assert [each[:2] for each in endings(begun)] == [("o-2", "venue: the order to replace is over")]


@pytest.mark.parametrize(
    ("price", "quantity", "filled"), [("99", "0.5", "0.25"), ("99", "1.5", "0"), ("98.5", "0.5", "0")]
)
def test_a_smaller_order_at_the_same_price_keeps_its_place(price: str, quantity: str, filled: str) -> None:
    begun = Run(stage(queue_trades=1)).give(trades([(10, 100, 2)])).until(100)
    # 2 are ahead of it when it begins to rest, by the trade before; the trade at 140 leaves 0.5 of them.
    begun.give(order(1, limit_price="99"), trades([(130, 100, 9), (140, 99, "1.5")])).until(200)
    begun.give(order(2, ms=200, limit_price=price, quantity=quantity, replaces="o-1", replaces_left="1"))
    begun.give(trades([(230, price, "0.75")])).until(300)
    assert sum((each.quantity for each in begun.of(Fill)), D(0)) == D(filled)


def test_one_cancels_the_other_for_what_it_fills_and_no_more_than_the_pair_is_about() -> None:
    begun = on_trades(order(1, quantity="2"), rows=[(130, 100, 9)], until=200)
    pair: dict[str, Any] = {"ms": 200, "side": SELL, "reduce_only": True, "group_id": "g-1"}
    begun.give(stop(2, stop_price="95", **pair), order(3, limit_price="105", **pair))
    begun.give(trades([(230, 100, 9), (240, 106, "0.4"), (250, 95, 9), (260, 94, 9)])).until(300)
    assert fills(begun)[1:] == [("o-3", D(105), D("0.4"), 240), ("o-2", D("93.9812"), D("0.6"), 260)]
    assert endings(begun) == [("o-2", "oco", 260), ("o-3", "oco", 260)]
    assert begun.stage.describe()["working"] == 0
