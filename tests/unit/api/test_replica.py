from dataclasses import replace
from decimal import Decimal

import pytest
from penstock_api.replica import COMMANDS_MAX, KINDS, NOTES_MAX, Replica
from penstock_contracts.base import Family, Message
from penstock_contracts.catalog import message_types
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.signals import Note
from penstock_contracts.types import OrderState, TradingState
from penstock_contracts.venue import OrderChanged
from support.message_examples import example
from support.messages import KEY, ORDER, START, approved, command, done, fill, prices, signal

SHOWN = {"shadow"}
"""Kinds that streams show, and that change nothing of the replica's."""


def folded(*messages: tuple[Family, Message]) -> Replica:
    replica = Replica()
    for family, message in messages:
        replica.take(family, message)
    return replica


@pytest.mark.parametrize("family", sorted(KINDS))
def test_every_kind_that_is_taken_exists_and_changes_the_replica(family: Family) -> None:
    known = {entry.kind for entry in message_types() if entry.family == family}
    for kind in sorted(KINDS[family] - SHOWN):
        assert kind in known
        defined = example("feat", "instrument")
        other = replace(defined, instrument=replace(defined.instrument, fee_maker=Decimal(1)))
        mine = replace(defined, instrument=replace(defined.instrument, instrument=KEY))
        replica = folded(("feat", other), ("feat", mine), ("ord", approved()))
        before = repr(replica)
        replica.take(family, example(family, kind))
        assert repr(replica) != before, kind


def test_an_order_works_until_it_ends() -> None:
    replica = folded(("ord", approved()), ("ven", example("ven", "submitted")), ("ven", fill()))
    working = replica.working[ORDER]
    assert (working.status, working.quantity_filled) == (OrderState.PARTIALLY_FILLED, Decimal("0.2"))
    replica.take("ven", fill(fill_id="f-2", quantity=Decimal("0.339"), quantity_left=Decimal(0)))
    assert replica.working == {}
    assert (replica.orders, replica.fills) == ({OrderState.FILLED: 1}, 2)


def test_an_order_that_ended_stays_ended_whatever_comes_late() -> None:
    cancelled = OrderChanged(
        order_id=ORDER,
        strategy="cross",
        instrument=KEY,
        number=2,
        ts=START,
        from_state=OrderState.CANCEL_PENDING,
        to_state=OrderState.CANCELLED,
    )
    replica = folded(("ord", approved()), ("ven", cancelled), ("ven", fill()))
    assert (replica.working, replica.orders, replica.fills) == ({}, {OrderState.CANCELLED: 1}, 1)


def test_trading_is_unknown_until_risk_speaks_and_active_until_it_says_otherwise() -> None:
    assert folded(("feat", done())).trading_state is None
    replica = folded(("ord", done(flat=True, stop="drawdown")))
    assert (replica.trading_state, replica.flat, replica.stop) == (TradingState.ACTIVE, True, "drawdown")
    replica.take("ord", example("ord", "state"))
    replica.take("ord", done())
    assert (replica.trading_state, replica.trading_reason) == (TradingState.HALTED, "spread too wide")


def test_the_first_answer_to_a_command_counts_and_a_refusal_changes_no_reason() -> None:
    def said(reason: str, *, accepted: bool) -> TradingStateChanged:
        halted = TradingState.HALTED
        return TradingStateChanged(
            ts=START, state=halted, previous=halted, reason=reason, command_id="c-1", accepted=accepted
        )

    replica = folded(("ord", said("operator", accepted=True)), ("ord", said("no override", accepted=False)))
    assert (replica.answers["c-1"].reason, replica.trading_reason) == ("operator", "operator")


def test_a_price_of_zero_is_no_quote() -> None:
    replica = folded(("feat", prices()))
    assert (replica.prices[KEY].last, replica.prices[KEY].bid) == (Decimal("46301.50"), Decimal("46301.49"))
    assert replica.prices["eth-usdt.binance"].bid is None


def test_it_stays_small_however_long_the_session() -> None:
    replica = Replica()
    for number in range(COMMANDS_MAX + 5):
        replica.take("ctl", command(command_id=f"c-{number}"))
        replica.take("sig", Note(strategy="cross", ts=START, level="info", text=str(number)))
        replica.take("sig", signal(signal_id=f"s-{number}"))
    assert (len(replica.commands), len(replica.notes)) == (COMMANDS_MAX, NOTES_MAX)
    assert (next(iter(replica.commands)), replica.notes[0].text) == ("c-5", str(COMMANDS_MAX + 5 - NOTES_MAX))
    assert replica.signals == COMMANDS_MAX + 5


@pytest.mark.parametrize(("accepted", "expected"), [(True, {"cross": "shadow"}), (False, {})])
def test_a_mode_is_switched_when_risk_has_accepted_it(accepted: bool, expected: dict[str, str]) -> None:
    given = command(verb="strategy_mode", strategy="cross", arguments={"mode": "shadow"})
    active = TradingState.ACTIVE
    said = TradingStateChanged(
        ts=START, state=active, previous=active, reason="", command_id=given.command_id, accepted=accepted
    )
    assert folded(("ctl", given), ("ord", said)).modes == expected
