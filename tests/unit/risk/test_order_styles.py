"""Stops, brackets and changes in place: what risk makes of a signal's style."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.orders import CancelRequested, OrderApproved, SignalRefused, SignalResolved
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderState, OrderType, Outcome, Side
from penstock_risk.exposure import measure
from support.risk import BTC, ETH, Table, limit, of, settings

D = Decimal


def ready(**changes: Any) -> Table:
    """Bitcoin costs 100; the collar is a tenth, the tick 0.1."""
    table = Table(settings(**changes))
    table.mark()
    table.price("100", BTC)
    return table


def bracketed(table: Table, **style: Any) -> list[OrderApproved]:
    given = {"stop_loss": D(95), "take_profit": D(110), **style}
    return of(table.signal("long", "2", style=OrderStyle(**given)), OrderApproved)


def reserved(table: Table) -> Decimal:
    return measure(table.stage._account, None, 0, D(0), D(0)).reserved


@pytest.mark.parametrize(
    ("direction", "style", "expected"),
    [
        # (limit, stop, worst price, notional of one unit: what the limits count with)
        ("long", {"type": OrderType.STOP, "stop_price": D("104.95")}, (None, 105, D("115.5"), D("115.5"))),
        ("short", {"type": OrderType.STOP, "stop_price": D("95.05")}, (None, 95, D("85.5"), 100)),
        ("long", {"type": OrderType.STOP_LIMIT, "stop_price": D(105), "limit_price": D("105.55")},
         (D("105.5"), 105, D("105.5"), D("105.5"))),
        ("short", {"type": OrderType.TAKE_PROFIT, "stop_price": D(110)}, (None, 110, 99, 110)),
        ("long", {"type": OrderType.TAKE_PROFIT, "stop_price": D(90)}, (None, 90, 99, 100)),
        ("long", {"type": OrderType.TRAILING_STOP, "trail": D(4)}, (None, None, D("114.4"), D("114.4"))),
        ("short", {"type": OrderType.TRAILING_STOP, "trail": D(4), "stop_price": D(96)},
         (None, 96, D("86.4"), 100)),
    ],
)  # fmt: skip
def test_what_waits_for_a_price_counts_at_its_worst(direction: str, style: Any, expected: Any) -> None:
    table = ready()
    (order,) = of(table.signal(direction, "1", style=OrderStyle(**style)), OrderApproved)
    assert (order.limit_price, order.stop_price, order.collar_price) == expected[:3]
    assert reserved(table) == expected[3]
    table.over(order, OrderState.EXPIRED)
    assert reserved(table) == 0


def test_a_bracket_is_an_entry_with_a_stop_and_a_target_of_its_whole_size() -> None:
    entry, stop, target = bracketed(ready(), stop_loss=D("95.05"), take_profit=D("109.95"))
    assert (entry.type, entry.side, entry.quantity, entry.parent_id) == (OrderType.MARKET, Side.BUY, 2, None)
    assert (stop.type, stop.side, stop.quantity, stop.stop_price) == (OrderType.STOP, Side.SELL, 2, 95)
    assert (target.type, target.side, target.quantity, target.limit_price) == (
        OrderType.LIMIT,
        Side.SELL,
        2,
        110,
    )
    assert {stop.parent_id, target.parent_id} == {entry.order_id}
    assert stop.group_id == target.group_id is not None
    assert stop.reduce_only
    assert target.reduce_only
    assert [each.ordinal for each in (entry, stop, target)] == [1, 2, 3]


def test_exits_reserve_nothing() -> None:
    table = ready()
    entry, stop, target = bracketed(table)
    assert reserved(table) == 2 * 110
    table.fill(entry, "100")
    assert reserved(table) == 0
    table.fill(target, "110")
    table.over(stop)
    assert table.stage.describe()["positions"] == []
    assert table.stage.describe()["pnl_realized"] == "20"


def test_a_stop_may_trail() -> None:
    _, stop = of(ready().signal("long", "2", style=OrderStyle(trail=D(3))), OrderApproved)
    assert (stop.type, stop.trail, stop.stop_price) == (OrderType.TRAILING_STOP, 3, None)


def test_exits_alone_protect_a_position_that_is_there() -> None:
    table = ready()
    table.trade("long", "2", "100")
    stop, target = bracketed(table)
    assert (stop.parent_id, target.parent_id, stop.quantity) == (None, None, 2)


def test_the_next_signal_cancels_entry_and_exits_first() -> None:
    table = ready()
    orders = bracketed(table)
    outputs = table.signal("flat")
    assert [each.order_id for each in of(outputs, CancelRequested)] == [each.order_id for each in orders]
    for order in orders:
        table.over(order)
    assert of(table.said, SignalResolved)[-1].outcome is Outcome.NO_CHANGE


def test_a_flat_signal_has_nothing_to_protect() -> None:
    table = ready()
    table.trade("long", "2", "100")
    (refused,) = of(table.signal("flat", style=OrderStyle(stop_loss=D(90))), SignalRefused)
    assert refused.rule == "style"


def test_a_market_order_reaches_as_far_as_its_collar() -> None:
    table = ready()
    bracketed(table, take_profit=D("110.1"))
    assert of(table.signal("long", "1", strategy="b"), OrderApproved)
    table = ready()
    bracketed(table, take_profit=D(110))
    (refused,) = of(table.signal("long", "1", strategy="b"), SignalRefused)
    assert (refused.rule, refused.limit) == ("self_trade", 110)


def test_an_exit_that_would_meet_our_own_order_is_refused() -> None:
    table = ready()
    table.signal("long", "1", style=limit("106"), strategy="b")
    outputs = table.signal("long", "1", style=OrderStyle(take_profit=D(106)))
    (refused,) = of(outputs, SignalRefused)
    assert (refused.rule, refused.limit, refused.value) == ("self_trade", 106, 106)
    assert of(table.signal("long", "1", style=OrderStyle(take_profit=D("106.1"))), OrderApproved)


def test_an_entry_is_changed_in_its_place() -> None:
    table = ready(position_notional_fraction_max=D("0.0025"), order_notional_fraction_max=D("0.0025"))
    (old,) = of(table.signal("long", "2", style=limit("99")), OrderApproved)
    table.accept(old)
    # 198 work, 220 are wanted, 250 are allowed: the two are not added up.
    (new,) = table.signal("long", "2.2", style=limit("99.5", modify=True))
    assert (new.replaces, new.replaces_left, new.quantity, new.limit_price) == (
        old.order_id, 2, D("2.2"), D("99.5")
    )  # fmt: skip
    assert reserved(table) == D("2.2") * 100
    table.over(old, OrderState.REPLACED)
    assert reserved(table) == D("2.2") * 100
    table.fill(new, "99.5")
    assert reserved(table) == 0


def test_what_was_filled_counts_when_an_entry_is_changed() -> None:
    table = ready()
    (old,) = of(table.signal("long", "2", style=limit("99")), OrderApproved)
    table.accept(old)
    table.fill(old, "99", "0.5")
    (new,) = table.signal("long", "3", style=limit("99", modify=True))
    assert (new.quantity, new.replaces_left) == (D("2.5"), D("1.5"))


def test_the_same_again_changes_nothing() -> None:
    table = ready()
    (old,) = of(table.signal("long", "2", style=limit("99")), OrderApproved)
    table.accept(old)
    (outcome,) = table.signal("long", "2", style=limit("99", modify=True))
    assert outcome.outcome is Outcome.NO_CHANGE


@pytest.mark.parametrize("how", ["not accepted", "being cancelled", "the other side", "another type"])
def test_what_cannot_be_changed_is_cancelled_first(how: str) -> None:
    table = ready()
    (old,) = of(table.signal("long", "2", style=limit("99")), OrderApproved)
    if how != "not accepted":
        table.accept(old)
    if how == "being cancelled":
        table.signal("long", "1", style=limit("99"))
    direction = "short" if how == "the other side" else "long"
    style = (
        OrderStyle(modify=True)
        if how == "another type"
        else limit("101" if direction == "short" else "98", modify=True)
    )
    outputs = table.signal(direction, "1", style=style)
    assert of(outputs, OrderApproved) == []
    table.over(old)
    assert of(table.said, OrderApproved)[-1].replaces is None
    assert len(of(table.said, OrderApproved)) == 2


def test_the_stop_is_moved_in_its_place_and_the_target_dropped() -> None:
    table = ready()
    entry, stop, target = bracketed(table)
    table.accept(entry, stop, target)
    table.fill(entry, "100")
    outputs = table.signal("long", "2", price="104", style=OrderStyle(stop_loss=D(101), modify=True))
    (moved,) = of(outputs, OrderApproved)
    assert (moved.replaces, moved.stop_price, moved.quantity) == (stop.order_id, 101, 2)
    assert [each.order_id for each in of(outputs, CancelRequested)] == [target.order_id]


def test_a_rejected_change_leaves_the_old_order_working() -> None:
    table = ready()
    (old,) = of(table.signal("long", "2", style=limit("99")), OrderApproved)
    table.accept(old)
    (new,) = table.signal("long", "3", style=limit("99", modify=True))
    table.over(new, OrderState.REJECTED)
    assert reserved(table) == 2 * 100
    table.fill(old, "99")
    assert reserved(table) == 0


def test_books_of_other_instruments_do_not_matter() -> None:
    table = ready()
    table.price("50", ETH)
    entry, *_ = bracketed(table)
    assert of(table.signal("short", "1", price="50", instrument=ETH), OrderApproved)
    assert entry.instrument == BTC
