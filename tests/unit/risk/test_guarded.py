"""Shadow strategies and guardrails: what stands before risk's door."""

from typing import Any

import pytest
from penstock_contracts.base import Message
from penstock_contracts.orders import OrderApproved, ShadowFilled, SignalRefused, SignalResolved
from penstock_contracts.types import TargetKind
from penstock_kernel.grid import NS_PER_DAY
from penstock_kernel.session import SessionConfig
from penstock_risk.config import RiskConfig
from penstock_risk.guarded import GuardedRisk, risk_stage
from penstock_risk.stage import RiskStage
from support.risk import ETH, MINUTE, D, Table, command, limit, of, perpetual, session, settings


def defined(**changes: Any) -> SessionConfig:
    """Strategy `a` with these changes; `b` trades."""
    plain = session(perpetual(), perpetual(ETH))
    first = type(plain.strategies[0]).model_validate({**plain.strategies[0].model_dump(), **changes})
    return plain.model_copy(update={"strategies": (first, *plain.strategies[1:])})


class Guarded(Table):
    """A desk with a door, and prices of both instruments."""

    def __init__(self, config: RiskConfig | None = None, **changes: Any) -> None:
        super().__init__(config)
        stage = risk_stage(config or settings(), defined(**changes))
        assert isinstance(stage, GuardedRisk)
        self.stage = stage  # type: ignore[assignment]
        self.mark()
        self.price("100")
        self.price("100", ETH)

    def settled(self, *, ended: bool = False) -> list[ShadowFilled]:
        """The virtual fills of the interval after the decision."""
        self.mark()
        return of(self.mark(ended=ended), ShadowFilled)


def shadow(config: RiskConfig | None = None, **changes: Any) -> Guarded:
    return Guarded(config, mode="shadow", **changes)


def test_a_session_without_shadows_guardrails_and_commands_has_no_door() -> None:
    assert type(risk_stage(settings(), session(), commands=False)) is RiskStage


def test_a_shadow_signal_becomes_a_virtual_fill_and_never_an_order() -> None:
    table = shadow()
    (outcome,) = table.signal("long", "2")
    assert isinstance(outcome, SignalResolved)
    assert outcome.outcome.value == "shadow"
    assert of(table.mark(), ShadowFilled) == []
    table.price("110")
    (filled,) = of(table.mark(), ShadowFilled)
    # 110 and 2 bps; 0.05 % of 2 * 110.022.
    assert (filled.price, filled.quantity, filled.fee) == (D("110.022"), D(2), D("0.110022"))
    assert (filled.position, filled.average_price, filled.ts) == (D(2), D("110.022"), table.now - MINUTE)
    assert of(table.said, OrderApproved) == []


def test_its_ledger_follows_prices_worked_by_hand() -> None:
    table = shadow(shadow_cost_bps=0)
    table.signal("long", "2")
    table.settled()
    table.price("130")
    described = table.stage.describe()["shadow"]
    assert [(each["quantity"], each["pnl_unrealized"]) for each in described] == [("2", "60.0")]
    table.signal("short", "1", price="130")
    (filled,) = table.settled()
    # Sold 3 at 130: 2 * 30 earned; fees 0.05 % of 200 and of 390.
    assert (filled.quantity, filled.position, filled.pnl_realized) == (D(3), D(-1), D(60))
    assert filled.fees == D("0.1") + D("0.195")
    assert (filled.trades, filled.trades_won) == (1, 1)


def test_it_pays_the_spread_where_there_are_quotes() -> None:
    table = shadow(shadow_cost_bps=0)
    table.price("100", quote=("99", "101"))
    table.signal("long", "1")
    assert [each.price for each in table.settled()] == [D("101.0")]
    table.signal("flat")
    assert [each.price for each in table.settled()] == [D("99.0")]


def test_a_newer_signal_replaces_one_that_was_not_traded_yet() -> None:
    table = shadow()
    table.signal("long", "2")
    table.signal("long", "5")
    assert [each.quantity for each in table.settled()] == [D(5)]
    (same,) = table.signal("long", "5")
    assert isinstance(same, SignalResolved)
    assert same.outcome.value == "no_change"


def test_a_signal_in_the_next_interval_finds_the_first_one_filled() -> None:
    table = shadow()
    table.signal("long", "2")
    table.mark()
    table.price("110")
    filled, outcome = table.signal("flat", price="110")
    assert isinstance(filled, ShadowFilled)
    assert isinstance(outcome, SignalResolved)
    assert (filled.position, filled.ts, outcome.outcome.value) == (D(2), table.now, "shadow")
    assert [each.position for each in table.settled()] == [D(0)]


def test_its_positions_are_closed_when_the_data_end_and_do_not_keep_the_session_open() -> None:
    table = shadow()
    table.signal("short", "2")
    table.settled()
    assert table.stage.status().flat
    (closed,) = of(table.mark(ended=True), ShadowFilled)
    assert (closed.side.value, closed.position, closed.trades) == ("buy", D(0), 1)
    assert of(table.mark(ended=True), ShadowFilled) == []


def test_it_is_due_in_the_interval_after_its_decision() -> None:
    table = shadow()
    table.signal("long", "2")
    table.mark()
    assert table.stage.status().next_due == table.now + 1
    table.mark()
    assert table.stage.status().next_due > table.now + 1


@pytest.mark.parametrize(
    ("signal", "rule"),
    [
        ({"quantity": "0.0001"}, "quantity_min"),
        ({"quantity": "2", "style": limit("99")}, "style"),
        ({"quantity": "2", "instrument": "none.replay"}, "instrument"),
        ({"quantity": "30"}, "order_notional"),
    ],
)
def test_it_is_refused_as_any_other_with_the_rule(signal: dict[str, Any], rule: str) -> None:
    table = shadow(settings(order_notional_fraction_max=D("0.02"), position_notional_fraction_max=D("0.02")))
    (refused,) = table.signal("long", **signal)
    assert isinstance(refused, SignalRefused)
    assert refused.rule == rule


def test_a_halt_stops_shadows_too() -> None:
    table = shadow()
    table.mark(command("halt"))
    assert [each.rule for each in of(table.signal("long", "1"), SignalRefused)] == ["trading_state"]


def test_the_account_does_not_see_the_virtual_ledger() -> None:
    table = shadow()
    table.signal("long", "500")
    table.settled()
    table.price("10")
    table.mark()
    view = table.stage.describe()
    assert (view["equity"], view["positions"], view["orders"], view["trades"]) == ("100000", [], 0, 0)
    # The other strategy trades as ever.
    assert len(of(table.signal("long", "1", strategy="b", price="10"), OrderApproved)) == 1


# --- Guardrails ---


def figures(outputs: list[Message]) -> list[tuple[str, str, str]]:
    return [(each.rule, str(each.limit), str(each.value)) for each in of(outputs, SignalRefused)]


def rails(**bounds: Any) -> Guarded:
    return Guarded(guardrails=bounds)


def test_a_signal_of_too_little_confidence_is_refused_and_one_to_be_flat_is_not() -> None:
    table = rails(confidence_min="0.6")
    assert figures(table.signal("long", "1", confidence=0.55)) == [("confidence", "0.6", "0.55")]
    table.trade("long", "1", "100", confidence=0.6)
    assert len(of(table.signal("flat", confidence=0.0), OrderApproved)) == 1
    assert figures(table.signal("long", "1", strategy="b", confidence=0.1)) == []


def test_trades_of_a_day_are_bounded_with_those_that_are_open() -> None:
    table = rails(trades_per_day_max=2)
    table.trade("long", "1", "100")
    table.trade("flat", "0", "100")
    table.trade("long", "1", "100")
    # One is over and one open. Another instrument would be the third, and so would be a flip.
    assert figures(table.signal("long", "1", instrument=ETH)) == [("trades_per_day", "2", "3")]
    assert figures(table.signal("short", "1")) == [("trades_per_day", "2", "3")]
    table.trade("flat", "0", "100")
    assert figures(table.signal("long", "1")) == [("trades_per_day", "2", "3")]
    table.mark(step=NS_PER_DAY)
    table.price("100")
    assert figures(table.signal("long", "1")) == []


def test_a_win_rate_below_its_floor_stops_openings_until_the_next_day() -> None:
    table = rails(win_rate_min="0.5", win_rate_trades=3)
    for exit_price in ("101", "99", "99"):
        assert figures(table.signal("flat")) == []
        table.trade("long", "1", "100")
        table.trade("flat", "0", exit_price)
    ((rule, limit, value),) = figures(table.signal("long", "1"))
    assert (rule, limit, value[:6]) == ("win_rate", "0.5", "0.3333")
    table.mark(step=NS_PER_DAY)
    table.price("100")
    assert figures(table.signal("long", "1")) == []


def test_a_trade_that_fees_turn_into_a_loss_was_not_won() -> None:
    table = rails(win_rate_min="1", win_rate_trades=1)
    table.trade("long", "1", "100", fee="0.6")
    table.trade("flat", "0", "101", fee="0.5")
    assert figures(table.signal("long", "1")) == [("win_rate", "1", "0")]


def test_guardrails_hold_for_shadows() -> None:
    table = shadow(guardrails={"trades_per_day_max": 1})
    table.signal("long", "1")
    table.settled()
    assert figures(table.signal("long", "1", instrument=ETH)) == [("trades_per_day", "1", "2")]


def test_a_snapshot_between_any_two_messages_changes_nothing() -> None:
    def run(*, restarted: bool) -> list[Message]:
        table = shadow(guardrails={"trades_per_day_max": 9, "win_rate_min": "0.5", "win_rate_trades": 2})
        for number in range(40):
            for strategy in ("a", "b"):
                direction = ("long", "flat", "short", "flat")[number % 4]
                outputs = table.signal(
                    direction,
                    str(1 + number % 3),
                    strategy=strategy,
                    price=str(100 + number % 7),
                    target_kind=TargetKind.QUANTITY,
                )
                for order in of(outputs, OrderApproved):
                    table.fill(order, str(100 + number % 7))
            table.mark()
            table.price(str(100 + (number * 5) % 7))
            if restarted:
                state = table.stage.snapshot()
                again = risk_stage(
                    settings(),
                    defined(
                        mode="shadow",
                        guardrails={"trades_per_day_max": 9, "win_rate_min": "0.5", "win_rate_trades": 2},
                    ),
                )
                again.restore(state)
                table.stage = again  # type: ignore[assignment]
        return table.said

    plain = run(restarted=False)
    assert run(restarted=True) == plain
    assert {type(each) for each in plain} >= {ShadowFilled, OrderApproved, SignalRefused}
