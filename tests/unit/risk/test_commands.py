"""Operators' commands, and the trading state as a table."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.orders import CancelRequested, OrderApproved, SignalRefused, TradingStateChanged
from penstock_contracts.types import Side, TradingState
from penstock_risk.trading import TRANSITIONS, Event, IllegalTransition, next_state
from support.risk import BTC, ETH, Table, command, limit, of, perpetual, session, settings

D = Decimal

A, R, H = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def ready(**changes: Any) -> Table:
    table = Table(settings(**changes))
    table.mark()
    table.price("100")
    table.price("50", ETH)
    return table


def answer(outputs: Any) -> tuple[bool, TradingState, TradingState, str | None]:
    (changed,) = of(outputs, TradingStateChanged)
    return changed.accepted, changed.previous, changed.state, changed.command_id


def rule_of(outputs: Any) -> str:
    (refused,) = of(outputs, SignalRefused)
    return refused.rule


def working(table: Table, **changes: Any) -> OrderApproved:
    (order,) = of(table.signal("long", "1", style=limit("95"), **changes), OrderApproved)
    return order


@given(st.sampled_from(TradingState), st.sampled_from(Event))
def test_the_table_says_what_may_happen_and_all_else_raises(state: TradingState, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransition, match=f"{event} is not possible while {state}"):
            next_state(state, event)


def test_only_operators_leave_halted() -> None:
    leaving = {event for (state, event), after in TRANSITIONS.items() if state is H and after is not H}
    assert leaving == {Event.RESUME, Event.OVERRIDE}


def test_halt_cancels_what_works_refuses_all_and_leaves_positions() -> None:
    table = ready()
    table.trade("long", "2", "100", strategy="b")
    order = working(table)
    table.signal("long", "3")
    outputs = table.mark(command("halt"))
    assert answer(outputs) == (True, A, H, "c-halt")
    assert rule_of(outputs) == "trading_state"
    assert [each.order_id for each in of(table.said, CancelRequested)] == [order.order_id]
    assert rule_of(table.signal("flat", strategy="b")) == "trading_state"
    assert not table.stage.status().flat
    table.over(order)
    assert table.mark() == []
    assert table.stage.status().flat
    assert table.stage.describe()["positions"][0]["quantity"] == "2"


def test_a_second_halt_is_accepted() -> None:
    table = ready()
    table.mark(command("halt"))
    assert answer(table.mark(command("halt"))) == (True, H, H, "c-halt")


def test_resume_needs_a_reason() -> None:
    table = ready()
    table.mark(command("halt"))
    assert answer(table.mark(command("resume", reason=" "))) == (False, H, H, "c-resume")
    assert answer(table.mark(command("resume"))) == (True, H, A, "c-resume")
    assert of(table.signal("long", "1", strategy="b"), OrderApproved)


def test_resume_while_active_is_refused() -> None:
    assert answer(ready().mark(command("resume"))) == (False, A, A, "c-resume")


def test_stops_do_not_act_while_halted_and_act_on_resume() -> None:
    table = ready(drawdown_fraction_max=D("0.01"))
    table.trade("long", "100", "100")
    table.mark(command("halt"))
    table.price("80")
    assert table.mark() == []
    outputs = table.mark(command("resume"))
    assert [each.state for each in of(outputs, TradingStateChanged)] == [A, R]
    assert of(outputs, OrderApproved)[0].reason == "stop"


def test_reduce_cancels_what_would_not_reduce_and_lets_only_reductions_pass() -> None:
    table = ready()
    table.trade("long", "2", "100")
    adding = working(table, strategy="b")
    (taking,) = of(table.signal("flat", style=limit("105")), OrderApproved)
    outputs = table.mark(command("reduce"))
    assert answer(outputs) == (True, A, R, "c-reduce")
    assert [each.order_id for each in of(outputs, CancelRequested)] == [adding.order_id]
    table.over(taking)
    table.over(adding)
    refused = of(table.signal("long", "3"), SignalRefused)[0]
    assert (refused.rule, refused.limit, refused.value) == ("trading_state", 2, 3)
    assert rule_of(table.signal("short", "1")) == "trading_state"
    (order,) = of(table.signal("long", "0.5"), OrderApproved)
    assert (order.side, order.quantity) == (Side.SELL, D("1.5"))


def test_while_reducing_a_strategy_may_offset_the_accounts_exposure() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.mark(command("reduce"))
    (order,) = of(table.signal("short", "2", strategy="b"), OrderApproved)
    assert order.side is Side.SELL
    assert rule_of(table.signal("short", "1", instrument=ETH, price="50", strategy="b")) == "trading_state"


def test_flatten_closes_everything_and_waits_for_resume() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.trade("short", "4", "50", instrument=ETH, strategy="b")
    outputs = table.mark(command("flatten"))
    assert answer(outputs) == (True, A, R, "c-flatten")
    orders = of(outputs, OrderApproved)
    assert [(each.strategy, each.side, each.quantity, each.reason) for each in orders] == [
        ("a", Side.SELL, 2, "flatten"),
        ("b", Side.BUY, 4, "flatten"),
    ]
    assert rule_of(table.signal("long", "1")) == "closing"
    assert answer(table.mark(command("resume"))) == (False, R, R, "c-resume")
    for order in orders:
        table.fill(order, "75")
    table.mark()
    assert (table.stage.status().flat, table.stage.status().stop) == (True, "")
    assert rule_of(table.signal("long", "1")) == "trading_state"
    assert answer(table.mark(command("resume"))) == (True, R, A, "c-resume")


def test_flatten_while_halted_needs_the_override() -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.mark(command("halt"))
    assert answer(table.mark(command("flatten"))) == (False, H, H, "c-flatten")
    outputs = table.mark(command("flatten", override=True))
    assert answer(outputs) == (True, H, R, "c-flatten")
    assert of(outputs, OrderApproved)[0].reason == "flatten"


def test_a_halt_stops_a_flatten() -> None:
    table = ready()
    table.trade("long", "2", "100")
    (order,) = of(table.mark(command("flatten")), OrderApproved)
    outputs = table.mark(command("halt"))
    assert [each.order_id for each in of(outputs, CancelRequested)] == [order.order_id]
    table.over(order)
    assert table.mark() == []


@pytest.mark.parametrize("verb", ["flatten", "close"])
def test_an_overridden_flatten_ends_reducing_and_close_is_refused_while_halted(verb: str) -> None:
    table = ready()
    table.mark(command("halt"))
    accepted, _, state, _ = answer(
        table.mark(command(verb, override=True, strategy=None if verb == "flatten" else "a"))
    )
    assert (accepted, state) == ((True, R) if verb == "flatten" else (False, H))


@pytest.mark.parametrize(
    "scope",
    [{"instrument": BTC}, {"strategy": "a"}, {"underlying": "BTC"}, {"instrument": BTC, "venue": "replay"}],
)
def test_close_closes_what_its_filters_say_and_trading_goes_on(scope: dict[str, str]) -> None:
    table = ready()
    table.trade("long", "2", "100")
    table.trade("short", "4", "50", instrument=ETH, strategy="b")
    outputs = table.mark(command("close", **scope))
    assert answer(outputs) == (True, A, A, "c-close")
    (order,) = of(outputs, OrderApproved)
    assert (order.instrument, order.quantity, order.reason) == (BTC, 2, "close")
    table.fill(order, "100")
    table.mark()
    assert of(table.signal("long", "1"), OrderApproved)


def test_close_needs_a_filter() -> None:
    assert answer(ready().mark(command("close")))[0] is False


def test_a_close_does_not_meet_another_strategys_resting_order() -> None:
    table = ready()
    table.trade("long", "2", "100")
    (resting,) = of(table.signal("long", "1", style=limit("95"), strategy="b"), OrderApproved)
    _, cancel = table.mark(command("close", strategy="a"))
    assert cancel.order_id == resting.order_id
    assert table.mark() == []
    table.over(resting)
    (order,) = of(table.mark(), OrderApproved)
    assert (order.strategy, order.side) == ("a", Side.SELL)


def test_cancel_by_order_and_by_filter() -> None:
    table = ready()
    first, second = working(table), working(table, strategy="b")
    assert answer(table.mark(command("cancel", order_id="o-unknown")))[0] is False
    outputs = table.mark(command("cancel", order_id=second.order_id))
    assert [each.order_id for each in of(outputs, CancelRequested)] == [second.order_id]
    # Asked once is enough.
    outputs = table.mark(command("cancel", instrument=BTC))
    assert [each.order_id for each in of(outputs, CancelRequested)] == [first.order_id]


def test_limits_change_what_is_refused() -> None:
    table = ready()
    (changed,) = table.mark(command("limits", arguments={"order_quantity_max": "3"}))
    assert (changed.accepted, changed.reason) == (
        True,
        "limits by operator: because (order_quantity_max = 3)",
    )
    assert rule_of(table.signal("long", "4")) == "order_quantity"


def test_a_tighter_stop_acts_at_once() -> None:
    table = ready()
    table.trade("long", "100", "100")
    table.mark()
    table.price("95")
    outputs = table.mark(command("limits", arguments={"daily_loss_fraction_max": "0.004"}))
    assert [each.rule for each in of(outputs, TradingStateChanged)] == [None, "daily_loss"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "needs arguments"),
        ({"order_quantity": "3"}, "no setting order_quantity"),
        ({"order_quantity_max": "-3"}, "order_quantity_max: Input should be greater than 0"),
        ({"position_quantity_max": "1"}, "must not be above position_quantity_max"),
    ],
)
def test_wrong_limits_are_refused_by_name_and_change_nothing(arguments: dict[str, str], said: str) -> None:
    table = ready()
    (changed,) = table.mark(command("limits", arguments=arguments))
    assert changed.accepted is False
    assert said in changed.reason
    assert of(table.signal("long", "4"), OrderApproved)


def test_verbs_of_other_stages_give_nothing() -> None:
    assert ready().mark(command("stop"), command("strategy_off", strategy="a")) == []


def test_the_end_of_the_data_leaves_a_halted_session_as_it_is() -> None:
    table = Table(settings(), session(perpetual()))
    table.mark()
    table.price("100")
    table.trade("long", "2", "100")
    table.mark(command("halt"))
    assert table.mark(ended=True) == []
    assert table.stage.status().flat
