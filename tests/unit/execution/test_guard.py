"""The egress guard: each rule, and what a blocked order looks like."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.control import Command
from penstock_contracts.orders import OrderApproved, TradingStateChanged
from penstock_contracts.types import OrderState, Side, TradingState
from penstock_contracts.venue import OrderChanged, OrderSubmitted
from penstock_execution.config import GuardConfig
from support.execution import KEY, MS, Run, instrument, order, stage, trades

D = Decimal


def run(*orders: OrderApproved, definition: dict[str, Any] | None = None, **guard: Any) -> Run:
    made = stage(instrument(**(definition or {})), guard=GuardConfig(**guard))
    return Run(made).give(trades([(10, 100, 1)])).until(100).give(*orders)


def blocked(begun: Run) -> list[str]:
    return [change.reason for change in begun.of(OrderChanged)]


def halt(**scope: Any) -> Command:
    return Command(command_id="c", verb="halt", ts_issued=0, ts_expires=10**18, by="operator", **scope)


def risk_says(state: TradingState, ms: int) -> TradingStateChanged:
    return TradingStateChanged(ts=ms * MS, state=state, previous=TradingState.ACTIVE, reason="test")


def test_a_blocked_order_is_rejected_and_never_sent() -> None:
    begun = run(order(quantity="2"), quantity_max=1).until(1000)
    assert begun.told == [
        OrderChanged(
            order_id="o-1", strategy="one", instrument=KEY, number=1, ts=100 * MS,
            from_state=OrderState.IN_FLIGHT, to_state=OrderState.REJECTED, reason="guard:quantity",
        )
    ]  # fmt: skip
    assert begun.stage.describe()["blocked"] == 1


def test_the_largest_order_that_is_allowed_passes() -> None:
    assert blocked(run(order(quantity="2"), quantity_max=2, notional_max=200)) == []


def test_a_notional_counts_limit_or_last_price_whichever_is_more_and_the_multiplier() -> None:
    assert blocked(run(order(limit_price="90", quantity="2"), notional_max=199)) == ["guard:notional"]
    assert blocked(run(order(limit_price="110", quantity="2"), notional_max=219)) == ["guard:notional"]
    assert blocked(run(order(), definition={"multiplier": D(2)}, notional_max=199)) == ["guard:notional"]
    inverse = {"multiplier": D(50), "inverse": True}
    assert blocked(run(order(quantity="4"), definition=inverse, notional_max=200)) == []
    assert blocked(run(order(quantity="5"), definition=inverse, notional_max=200)) == ["guard:notional"]


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"limit_price": "110"}, True),
        ({"limit_price": "110.001"}, False),
        ({"limit_price": "1"}, True),
        ({"limit_price": "90", "side": Side.SELL}, True),
        ({"limit_price": "89.999", "side": Side.SELL}, False),
        ({"limit_price": "999", "side": Side.SELL}, True),
        ({"reference_price": D(110)}, True),
        ({"reference_price": D("110.1")}, False),
        ({"reference_price": D("89.9")}, False),
    ],
)
def test_a_price_too_far_to_our_disadvantage_is_beyond_the_collar(
    changes: dict[str, Any], passes: bool
) -> None:
    assert blocked(run(order(**changes), collar=D("0.1"))) == ([] if passes else ["guard:collar"])


def test_orders_are_limited_within_any_second_of_event_time() -> None:
    orders = [order(number, ms=100) for number in range(1, 5)]
    begun = run(*orders, orders_per_second_max=3)
    assert [(change.order_id, change.reason) for change in begun.of(OrderChanged)] == [
        ("o-4", "guard:order_rate")
    ]
    begun.until(1000).give(order(5, ms=1000)).until(1100)
    assert blocked(begun)[1:] == ["guard:order_rate"]
    begun.give(order(6, ms=1100)).until(1200)
    assert blocked(begun)[2:] == []


def test_a_client_order_id_is_sent_once() -> None:
    begun = run(order(1), order(2, client_order_id="o-1"))
    assert [(each.order_id, each.reason) for each in begun.of(OrderChanged)] == [("o-2", "guard:duplicate")]


def test_an_approval_ages_from_the_end_of_its_interval() -> None:
    begun = run(approval_age_ns_max=300 * MS).until(500)
    begun.give(order(1, ms=100), order(2, ms=99))
    assert [(each.order_id, each.reason) for each in begun.of(OrderChanged)] == [
        ("o-2", "guard:approval_age")
    ]


def test_a_repeat_is_caught_as_long_as_it_is_not_too_old() -> None:
    begun = run(order(1), approval_age_ns_max=300 * MS)
    for ms in range(200, 3000, 100):
        begun.until(ms)
        begun.give(order(ms, ms=100, client_order_id="o-1"))
    assert set(blocked(begun)) == {"guard:duplicate", "guard:approval_age"}
    assert len(begun.of(OrderSubmitted)) == 1


def test_without_a_price_or_a_definition_nothing_is_sent() -> None:
    assert blocked(Run(stage()).give(order())) == ["guard:no_price"]
    assert blocked(run(order(instrument="other.test"))) == ["guard:instrument"]


def test_a_halt_command_holds_from_its_mark_until_risk_leaves_halted() -> None:
    begun = run().until(200, commands=(halt(),))
    begun.give(order(1, ms=190))
    assert blocked(begun) == ["guard:halted"]
    begun.give(risk_says(TradingState.REDUCING, 150), order(2, ms=200))
    assert blocked(begun)[1:] == ["guard:halted"]
    begun.give(risk_says(TradingState.HALTED, 200)).until(300).give(order(3, ms=300))
    assert blocked(begun)[2:] == ["guard:halted"]
    begun.give(risk_says(TradingState.ACTIVE, 300), order(4, ms=300))
    assert blocked(begun)[3:] == []


def test_risks_halt_holds_too_and_a_flatten_passes_it() -> None:
    begun = run().give(risk_says(TradingState.HALTED, 100), order(1), order(2, reason="flatten"))
    assert [each.order_id for each in begun.of(OrderChanged)] == ["o-1"]
    assert [each.order_id for each in begun.of(OrderSubmitted)] == ["o-2"]


def test_a_halt_of_one_instrument_or_strategy_is_risks_to_judge() -> None:
    begun = run().until(200, commands=(halt(instrument=KEY), halt(strategy="one"))).give(order(ms=200))
    assert blocked(begun) == []


def test_the_guard_forgets_nothing_over_a_restart() -> None:
    begun = run(order(1)).give(risk_says(TradingState.HALTED, 100))
    copy = stage()
    copy.restore(begun.stage.snapshot())
    assert blocked(Run(copy).give(order(2))) == ["guard:halted"]
    copy.process(risk_says(TradingState.ACTIVE, 100))
    assert blocked(Run(copy).give(order(2, client_order_id="o-1"))) == ["guard:duplicate"]
