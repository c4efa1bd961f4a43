"""A strategy's mode is switched while it runs, and only where nothing of it is open."""

from collections.abc import Callable
from typing import Any

import pytest
from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.orders import OrderApproved, ShadowFilled, SignalResolved, TradingStateChanged
from penstock_contracts.types import OrderState
from penstock_kernel.session import SessionConfig
from penstock_risk.guarded import GuardedRisk, risk_stage
from penstock_risk.stage import RiskStage
from support.risk import BTC, ETH, D, Table, command, limit, of, perpetual, session, settings


def defined(mode: str = "trade", **changes: Any) -> SessionConfig:
    """Strategies `a` in this mode and `b`, which trades, of half the capital each."""
    plain = session(perpetual(), perpetual(ETH))
    first, second = (each.model_copy(update={"capital_fraction": D("0.5")}) for each in plain.strategies)
    first = first.model_copy(update={"mode": mode, **changes})
    return plain.model_copy(update={"strategies": (first, second)})


class Switched(Table):
    """A desk with a door, and prices of both instruments."""

    def __init__(self, mode: str = "trade", **changes: Any) -> None:
        super().__init__()
        self.defined = defined(mode, **changes)
        self.renew()
        self.mark()
        self.price("100")
        self.price("100", ETH)

    def renew(self, state: bytes | None = None) -> None:
        """A new stage, from a snapshot if one is given."""
        stage = risk_stage(settings(), self.defined)
        assert isinstance(stage, GuardedRisk)
        if state is not None:
            stage.restore(state)
        self.stage = stage  # type: ignore[assignment]

    def switch(self, mode: str, strategy: str = "a") -> TradingStateChanged:
        """What is answered."""
        return answer(self.mark(to(mode, strategy)))

    def modes(self) -> dict[str, str]:
        return dict(self.stage.describe()["modes"])


def to(mode: str, strategy: str = "a") -> Command:
    return command("strategy_mode", strategy=strategy, arguments={"mode": mode})


def answer(outputs: list[Message]) -> TradingStateChanged:
    (said,) = of(outputs, TradingStateChanged)
    assert isinstance(said, TradingStateChanged)
    assert said.command_id == "c-strategy_mode"
    assert said.state is said.previous
    return said


def test_a_flat_strategy_goes_into_the_shadow_and_its_signals_make_no_order() -> None:
    table = Switched()
    said = table.switch("shadow")
    assert (said.accepted, said.reason) == (True, "mode shadow of a by operator: because")
    assert table.modes() == {"a": "shadow", "b": "trade"}
    (outcome,) = table.signal("long", "2")
    assert isinstance(outcome, SignalResolved)
    assert outcome.outcome.value == "shadow"
    table.mark()
    (filled,) = of(table.mark(), ShadowFilled)
    assert filled.position == D(2)
    assert len(of(table.signal("long", "1", strategy="b"), OrderApproved)) == 1
    assert {each.strategy for each in of(table.said, OrderApproved)} == {"b"}


def test_a_position_keeps_a_strategy_from_the_shadow() -> None:
    table = Switched()
    table.trade("long", "2", "100")
    said = table.switch("shadow")
    assert (said.accepted, said.reason) == (False, f"a is not flat: it holds 2 {BTC}")
    assert table.modes()["a"] == "trade"
    table.trade("flat", "0", "100")
    assert table.switch("shadow").accepted


def test_a_working_order_keeps_a_strategy_from_the_shadow() -> None:
    table = Switched()
    (order,) = of(table.signal("long", "2", style=limit("99")), OrderApproved)
    assert table.switch("shadow").reason == f"a is not flat: 1 order in {BTC} works"
    table.over(order, OrderState.CANCELLED)
    assert table.switch("shadow").accepted


def test_what_a_shadow_holds_keeps_it_from_trading() -> None:
    table = Switched("shadow")
    table.signal("long", "2")
    said = table.switch("trade")
    assert (said.accepted, said.reason) == (
        False, f"a is not flat: a virtual order in {BTC} is on its way",
    )  # fmt: skip
    said = table.switch("trade")
    assert (said.accepted, said.reason) == (False, f"a is not flat: it holds 2 {BTC} virtually")
    table.signal("flat")
    table.mark()
    assert table.switch("trade").accepted
    (order,) = of(table.signal("long", "1"), OrderApproved)
    assert order.strategy == "a"


def test_a_virtual_ledger_goes_on_where_it_was() -> None:
    table = Switched("shadow")
    for direction in ("long", "flat"):
        table.signal(direction, "2" if direction == "long" else None)
        table.mark()
        table.mark()
    assert table.switch("trade").accepted
    assert table.switch("shadow").accepted
    table.signal("long", "1")
    table.mark()
    table.mark()
    fills = of(table.said, ShadowFilled)
    assert [each.ordinal for each in fills] == [1, 2, 3]
    assert len({each.fill_id for each in fills}) == 3
    assert fills[-1].trades == 1


def test_the_share_of_the_capital_keeps_a_shadow_from_trading_beside_the_others() -> None:
    table = Switched("shadow", capital_fraction=D(1))
    said = table.switch("trade")
    reason = "a, b would trade 1.5 of the capital: put another one into the shadow first"
    assert (said.accepted, said.reason) == (False, reason)
    assert table.switch("shadow", "b").accepted
    assert table.switch("trade").accepted
    assert table.modes() == {"a": "trade", "b": "shadow"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (to("shadow", "c"), "the session has no strategy c"),
        (to("shadow", "manual"), "the session has no strategy manual"),
        (command("strategy_mode", arguments={"mode": "shadow"}), "the session has no strategy"),
        (to("live"), "strategy_mode needs one argument: mode = trade or shadow"),
        (command("strategy_mode", strategy="a"), "strategy_mode needs one argument: mode = trade or shadow"),
    ],
)
def test_what_means_nothing_is_refused_and_says_why(given: Command, reason: str) -> None:
    table = Switched()
    said = answer(table.mark(given))
    assert (said.accepted, said.reason) == (False, reason)


def test_the_mode_that_it_has_already_is_accepted_whatever_it_holds() -> None:
    table = Switched()
    table.trade("long", "2", "100")
    said = table.switch("trade")
    assert (said.accepted, said.reason) == (
        True,
        "mode trade of a by operator: because (it was in it already)",
    )


def test_it_is_refused_when_the_data_are_over() -> None:
    table = Switched()
    table.mark(ended=True)
    assert table.switch("shadow").reason == "the session is ending: the data is over"


def test_a_door_that_nothing_stands_before_says_what_risk_says() -> None:
    def run(make: Callable[[], Any]) -> list[Message]:
        table = Table()
        table.stage = make()
        for number in range(12):
            table.mark(*([command("halt"), command("resume")] if number == 7 else []))
            table.price(str(100 + number % 5))
            table.trade(("long", "flat", "short")[number % 3], "1", str(100 + number % 5))
        table.mark(ended=True)
        return table.said

    with_door = run(lambda: risk_stage(settings(), session()))
    assert with_door == run(lambda: RiskStage(settings(), session()))
    assert of(with_door, OrderApproved)


def test_a_snapshot_before_and_after_each_switch_changes_nothing() -> None:
    def run(*, restarted: bool) -> list[Message]:
        table = Switched()
        for number in range(60):
            for order in of(table.signal(("long", "flat", "short")[number % 3], "1"), OrderApproved):
                table.fill(order, "100")
            if restarted:
                table.renew(table.stage.snapshot())
            table.mark(*([to(("shadow", "trade")[number // 5 % 2])] if number % 5 > 1 else []))
            if restarted:
                table.renew(table.stage.snapshot())
            table.price(str(100 + number % 7))
        return table.said

    plain = run(restarted=False)
    assert run(restarted=True) == plain
    said = [each for each in of(plain, TradingStateChanged) if each.command_id]
    assert {each.accepted for each in said} == {True, False}
    assert {type(each) for each in plain} >= {ShadowFilled, OrderApproved}
