"""Orders that an operator places and changes."""

from decimal import Decimal
from typing import Any

import pytest
from penstock_contracts.control import ManualOrder
from penstock_contracts.orders import OrderApproved, TradingStateChanged
from penstock_contracts.types import OrderType, Side, TimeInForce
from penstock_kernel.session import MANUAL, Guardrails
from penstock_risk.guarded import GuardedRisk
from support.risk import BTC, MINUTE, Table, command, limit, of, session, settings

D = Decimal


def ready(**changes: Any) -> Table:
    table = Table(settings(**changes))
    table.mark()
    table.price("100")
    return table


def wish(side: str = "buy", quantity: str = "1", **changes: Any) -> ManualOrder:
    return ManualOrder(side=Side(side), quantity=D(quantity), **changes)


def resting(price: str = "95", **changes: Any) -> ManualOrder:
    return wish(type=OrderType.LIMIT, limit_price=D(price), **changes)


def placed(table: Table, order: ManualOrder, **changes: Any) -> tuple[TradingStateChanged, Any]:
    outputs = table.mark(
        command("place", **{"command_id": f"c-{table.now}", "instrument": BTC, "order": order, **changes})
    )
    (answer,) = of(outputs, TradingStateChanged)
    return answer, next(iter(of(outputs, OrderApproved)), None)


def modified(table: Table, order_id: str, order: ManualOrder) -> tuple[TradingStateChanged, Any]:
    outputs = table.mark(command("modify", order_id=order_id, order=order))
    (answer,) = of(outputs, TradingStateChanged)
    return answer, next(iter(of(outputs, OrderApproved)), None)


def test_a_placed_order_is_the_operators_in_the_name_of_manual_and_the_answer_names_it() -> None:
    table = ready()
    answer, order = placed(table, resting(post_only=True, time_in_force=TimeInForce.DAY))
    assert (answer.accepted, answer.order_id, answer.command_id) == (
        True,
        order.order_id,
        "c-" + str(order.ts - MINUTE),
    )
    assert (order.strategy, order.reason, order.side, order.quantity) == (MANUAL, "manual", Side.BUY, D(1))
    assert (order.type, order.limit_price, order.post_only) == (OrderType.LIMIT, D(95), True)
    assert order.time_in_force is TimeInForce.DAY
    assert {check.rule for check in order.checks} >= {"price_stale", "price_collar", "order_notional"}


def test_orders_add_up_and_cancel_nothing_of_each_other_or_of_strategies() -> None:
    table = ready()
    table.trade("long", "2", "100", strategy="a")
    _, first = placed(table, resting("95"))
    _, second = placed(table, wish(quantity="0.5"))
    table.fill(second, "100")
    _, third = placed(table, wish(quantity="0.2"))
    assert [each.quantity for each in (first, second, third)] == [D(1), D("0.5"), D("0.2")]
    table.fill(third, "100")
    held = {each["strategy"]: each["quantity"] for each in table.stage.describe()["positions"]}
    assert held == {"a": "2", MANUAL: "0.7"}
    assert table.stage.describe()["working"] == 1


@pytest.mark.parametrize(
    ("order", "changes", "rule"),
    [
        (wish(quantity="1.0005"), {}, "lot_size"),
        (wish(quantity="0.0001"), {}, "lot_size"),
        (wish(price=D("120")), {}, "price_collar"),
        (wish(quantity="2000"), {"order_notional_fraction_max": "0.5"}, "order_notional"),
        (wish("sell"), {"short_allowed": "never"}, "short"),
        (wish("sell", reduce_only=True), {}, "reduce_only"),
        (resting("105", post_only=True, time_in_force=TimeInForce.IOC), {}, "style"),
    ],
)
def test_an_order_beyond_a_limit_is_refused_with_the_rule(
    order: ManualOrder, changes: dict[str, Any], rule: str
) -> None:
    table = ready(**changes)
    answer, none = placed(table, order)
    assert none is None
    assert (answer.accepted, answer.rule, answer.order_id) == (False, rule, None)
    assert table.stage.describe()["working"] == 0


def test_a_refusal_by_a_limit_says_limit_and_value() -> None:
    answer, _ = placed(ready(order_quantity_max="5"), wish(quantity="6"))
    assert (answer.rule, answer.limit, answer.value) == ("order_quantity", D(5), D(6))
    assert answer.reason == "order_quantity: 6, the limit is 5"


def test_halted_nothing_is_placed_and_reducing_only_what_reduces() -> None:
    table = ready()
    _, bought = placed(table, wish())
    table.fill(bought, "100")
    table.mark(command("reduce"))
    assert placed(table, wish())[0].rule == "trading_state"
    assert placed(table, wish("sell", "0.4"))[0].accepted
    table.mark(command("halt"))
    assert placed(table, wish("sell", "0.4"))[0].rule == "trading_state"


def test_flatten_closes_what_was_placed_too() -> None:
    table = ready()
    _, bought = placed(table, wish())
    table.fill(bought, "100")
    (closing,) = of(table.mark(command("flatten")), OrderApproved)
    assert (closing.strategy, closing.side, closing.reason) == (MANUAL, Side.SELL, "flatten")


def test_nobody_places_an_order_in_the_name_of_a_strategy() -> None:
    answer, none = placed(ready(), wish(), strategy="a")
    assert none is None
    assert not answer.accepted
    assert "manual" in answer.reason


def test_without_a_price_or_an_instrument_nothing_is_placed() -> None:
    table = Table(settings())
    assert placed(table, wish())[0].rule == "price_missing"
    assert placed(table, wish(), instrument="nothing.replay")[0].reason.startswith("the session has no")
    answer = of(table.mark(command("place", instrument=BTC)), TradingStateChanged)[0]
    assert (answer.accepted, answer.reason) == (False, "place needs an instrument and an order")


def test_a_working_order_is_changed_in_its_place_whoever_it_belongs_to() -> None:
    table = ready()
    (order,) = of(table.signal("long", "1", style=limit("95")), OrderApproved)
    table.accept(order)
    answer, changed = modified(table, order.order_id, resting("96", quantity="0.4"))
    assert (answer.accepted, answer.order_id) == (True, changed.order_id)
    assert (changed.strategy, changed.replaces, changed.reason) == ("a", order.order_id, "modify")
    assert (changed.limit_price, changed.quantity, changed.replaces_left) == (D(96), D("0.4"), D(1))


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (resting(side="sell"), "side and type stay"),
        (wish(), "side and type stay"),
        (resting("50"), "price_collar"),
    ],
)
def test_what_cannot_be_changed_stays_as_it_is(order: ManualOrder, why: str) -> None:
    table = ready()
    _, old = placed(table, resting())
    table.accept(old)
    answer, none = modified(table, old.order_id, order)
    assert none is None
    assert not answer.accepted
    assert why in answer.reason


def test_an_order_that_the_venue_has_not_confirmed_or_that_is_over_cannot_be_changed() -> None:
    table = ready()
    _, old = placed(table, resting())
    assert "not confirmed" in modified(table, old.order_id, resting())[0].reason
    table.accept(old)
    assert modified(table, old.order_id, resting("96"))[0].accepted
    assert "being replaced" in modified(table, old.order_id, resting("97"))[0].reason
    table.over(old)
    assert modified(table, old.order_id, resting())[0].reason == f"no order {old.order_id} works"


def test_with_guardrails_on_a_strategy_manual_orders_fill_as_well() -> None:
    defined = session()
    guarded = defined.strategies[0].model_copy(update={"guardrails": Guardrails(trades_per_day_max=1)})
    table = Table(settings(), defined)
    stage = GuardedRisk(settings(), defined.model_copy(update={"strategies": (guarded,)}))
    table.stage = stage  # type: ignore[assignment]
    table.mark()
    table.price("100")
    _, order = placed(table, wish())
    table.fill(order, "100")
    assert [each["strategy"] for each in stage.describe()["positions"]] == [MANUAL]


def test_a_restored_stage_goes_on_with_the_same_orders() -> None:
    table = ready()
    _, order = placed(table, resting())
    again = Table(settings())
    again.stage.restore(table.stage.snapshot())
    again.now, again.left = table.now, dict(table.left)
    assert modified(again, order.order_id, resting()) == modified(table, order.order_id, resting())
