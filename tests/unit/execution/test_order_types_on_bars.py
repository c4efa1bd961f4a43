"""Order types on bars, with numbers worked by hand; see `test_bars` for when a bar is seen."""

from decimal import Decimal

import pytest
from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import OrderType, Side, TimeInForce
from penstock_contracts.venue import Fill, OrderChanged
from support.execution import MS, Bar, Run, bars, order, stage, stop

D = Decimal
SELL = Side.SELL


def run(*orders: OrderApproved, rows: list[Bar], batched: bool = False) -> Run:
    """The bars after a first one that closes at 100; the orders come at its end."""
    begun = Run(stage()).give(bars([(100, 100, 101, 99, 100, 50)])).until(100)
    begun.give(*orders)
    for piece in [rows] if batched else [[row] for row in rows]:
        begun.give(bars(piece)).until(piece[-1][0])
    return begun.until(2000)


def fills(*orders: OrderApproved, rows: list[Bar]) -> list[tuple[Decimal, Decimal, float, str]]:
    told = [run(*orders, rows=rows, batched=batched).of(Fill) for batched in (False, True)]
    assert [each.price for each in told[0]] == [each.price for each in told[1]]
    return [(each.price, each.quantity, each.ts / MS, each.liquidity.value) for each in told[0]]


def test_a_stop_fills_at_its_price_slipped_when_the_bar_reaches_it() -> None:
    rows: list[Bar] = [(200, 100, 101, "95.1", 99, 50), (300, 99, 100, 95, 98, 50)]
    assert fills(stop(stop_price="95", side=SELL), rows=rows) == [(D("94.981"), 1, 200, "taker")]
    rows = [(200, 100, "104.9", 99, 100, 50), (300, 100, 106, 99, 104, 50)]
    assert fills(stop(stop_price="105"), rows=rows) == [(D("105.021"), 1, 200, "taker")]


def test_a_stop_fills_at_the_open_slipped_when_the_bar_opens_beyond_it() -> None:
    assert fills(stop(stop_price="95", side=SELL), rows=[(200, 90, 96, 89, 95, 50)]) == [
        (D("89.982"), 1, 120, "taker")
    ]


def test_what_a_triggered_stop_does_not_get_it_takes_at_the_next_open() -> None:
    rows: list[Bar] = [(200, 100, 101, 94, 96, 4), (300, 97, 99, 96, 98, 50)]
    assert fills(stop(stop_price="95", side=SELL), rows=rows) == [
        (D("94.981"), D("0.4"), 120, "taker"),
        (D("96.9806"), D("0.6"), 200, "taker"),
    ]


def test_a_stop_limit_takes_within_its_limit_and_else_rests() -> None:
    assert fills(stop(stop_price="105", limit_price="106"), rows=[(200, 100, 107, 99, 104, 50)]) == [
        (D("105.021"), 1, 120, "taker")
    ]
    assert fills(stop(stop_price="105", limit_price="105.01"), rows=[(200, 100, 107, 99, 104, 50)]) == [
        (D("105.01"), 1, 120, "taker")
    ]
    rows: list[Bar] = [(200, 107, 108, 104, 105, 50), (300, 107, 108, "105.9", 107, 50)]
    # It opens beyond stop and limit: what falls to the limit within that bar may have come before.
    assert fills(stop(stop_price="105", limit_price="106"), rows=rows) == [(D(106), 1, 200, "maker")]


def test_a_take_profit_fills_at_its_price_or_at_an_open_beyond_it_slipped() -> None:
    sale = order(type=OrderType.TAKE_PROFIT, stop_price="105", side=SELL)
    assert fills(sale, rows=[(200, 100, 105, 99, 104, 50)]) == [(D("104.979"), 1, 120, "taker")]
    assert fills(sale, rows=[(200, 107, 108, 99, 104, 50)]) == [(D("106.9786"), 1, 120, "taker")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # The trigger as it stood at the open, 98, against the low.
        ([(200, 100, 104, 98, 103, 50)], (D("97.9804"), 120)),
        # The high moves it to 102; the close shows that the price came back to it.
        ([(200, 100, 104, 99, 102, 50)], (D("101.9796"), 120)),
        # The low may have come before the high: it goes on, with 102, at which the next bar opens.
        ([(200, 100, 104, 99, 103, 50), (300, 102, 103, 101, 102, 50)], (D("101.9796"), 200)),
        # Two quiet bars move it to 103; the third opens below.
        ([(200, 100, 104, 99, 103, 50), (300, 104, 105, 103.5, 105, 50), (400, 101, 102, 100, 101, 50)],
         (D("100.9798"), 300)),
    ],
)  # fmt: skip
def test_a_trailing_stop_counts_what_is_certain(rows: list[Bar], expected: tuple[Decimal, float]) -> None:
    sale = order(type=OrderType.TRAILING_STOP, trail="2", side=SELL)
    assert fills(sale, rows=rows) == [(expected[0], 1, expected[1], "taker")]


def test_of_a_stop_and_a_limit_in_one_bar_the_stop_comes_first() -> None:
    held = run(order(1), rows=[(200, 100, 101, 99, 100, 50)])
    assert held.of(Fill)[0].quantity == 1
    rows: list[Bar] = [(200, 100, 101, 99, 100, 50), (300, 100, 111, 94, 100, 50)]
    target = order(3, ms=110, limit_price="110", side=SELL, reduce_only=True)
    protection = stop(2, ms=110, stop_price="95", side=SELL, reduce_only=True)
    begun = Run(stage()).give(bars([(100, 100, 101, 99, 100, 50)])).until(100)
    begun.give(order(1), bars(rows[:1])).until(200).give(protection, target, bars(rows[1:])).until(400)
    assert [(each.order_id, each.price) for each in begun.of(Fill)[1:]] == [("o-2", D("94.981"))]
    assert [(each.order_id, each.reason) for each in begun.of(OrderChanged)] == [("o-3", "reduce_only")]


def test_fok_needs_its_whole_size_within_the_share_of_the_bar() -> None:
    whole = order(time_in_force=TimeInForce.FOK)
    assert fills(whole, rows=[(200, 100, 101, 99, 100, 10)]) == [(D("100.02"), 1, 120, "taker")]
    told = run(whole, rows=[(200, 100, 101, 99, 100, "9.99"), (300, 100, 101, 99, 100, 50)])
    assert told.of(Fill) == []
    assert [(each.ts, each.reason) for each in told.of(OrderChanged)] == [(120 * MS, "fok")]


def test_gtd_that_expires_before_the_bar_is_known_is_not_filled_by_it() -> None:
    made = order(limit_price="99", time_in_force=TimeInForce.GTD, expire_at=199 * MS)
    told = run(made, rows=[(200, 100, 101, 90, 95, 50)])
    assert told.of(Fill) == []
    assert [(each.ts, each.to_state.value) for each in told.of(OrderChanged)] == [(199 * MS, "expired")]


def test_post_only_is_judged_by_the_last_close() -> None:
    told = run(order(limit_price="100.5", post_only=True), rows=[(200, 101, 102, 99, 100, 50)])
    assert [each.to_state.value for each in told.of(OrderChanged)] == ["rejected"]
    # At 100 it rests; the bar opens beyond it: filled there, as maker.
    assert fills(order(limit_price="100", post_only=True), rows=[(200, 98, 102, 97, 100, 50)]) == [
        (D(98), 1, 120, "maker")
    ]
