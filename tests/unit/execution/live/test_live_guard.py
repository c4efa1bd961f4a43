from decimal import Decimal
from itertools import permutations

import pytest
from penstock_contracts.control import Command
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.types import TradingState
from penstock_execution.config import GuardConfig, LiveConfig
from penstock_execution.live.guard import EgressGuard, Halts
from support.execution import KEY, instrument, order

NS = 1_000_000_000
NOW = 1_000 * NS


def command(verb: str, command_id: str, **changes: object) -> Command:
    return Command(command_id=command_id, verb=verb, ts_issued=1, ts_expires=2, by="me", **changes)  # type: ignore[arg-type]


def answer(state: TradingState, command_id: str | None = None) -> TradingStateChanged:
    return TradingStateChanged(ts=1, state=state, previous=state, reason="", command_id=command_id)


def guard(**changes: object) -> EgressGuard:
    made = EgressGuard(GuardConfig(**changes), LiveConfig(), (instrument(),), began=0.0)  # type: ignore[arg-type]
    made.price(KEY, Decimal(100))
    made.mark(NOW, NOW, 0.0)
    made.risk_spoke(NOW, NOW, 0.0)
    made.connected = made.reconciled = True
    return made


def test_a_halt_and_its_resume_come_to_the_same_in_whichever_order_they_are_heard() -> None:
    steps = [
        lambda halts: halts.command(10, command("halt", "h")),
        lambda halts: halts.command(20, command("resume", "r")),
        lambda halts: halts.answer(answer(TradingState.ACTIVE, "r")),
    ]
    for each in permutations(steps):
        halts = Halts()
        for step in each:
            step(halts)
        assert not halts.hold


def test_an_answer_to_a_command_before_the_halt_releases_nothing() -> None:
    halts = Halts()
    halts.command(10, command("limits", "l"))
    halts.command(20, command("halt", "h"))
    halts.answer(answer(TradingState.ACTIVE, "l"))
    assert halts.hold


def test_a_second_copy_of_a_halt_that_was_resumed_halts_nothing() -> None:
    halts = Halts()
    halts.command(10, command("halt", "h"))
    halts.command(20, command("resume", "r"))
    halts.answer(answer(TradingState.ACTIVE, "r"))
    halts.command(30, command("halt", "h"))
    assert not halts.hold


def test_a_halt_of_one_instrument_is_risks_alone() -> None:
    halts = Halts()
    halts.command(10, command("halt", "h", instrument=KEY))
    assert not halts.hold


def test_all_is_well_and_an_order_passes() -> None:
    assert guard().blocks(order(), NOW, NOW, 0.0) == ""


def test_silence_blocks_and_cancels_after_three_seconds() -> None:
    made = guard()
    made.mark(NOW + 2 * NS, NOW + 2 * NS, 2.0)
    assert made.must_cancel(2.9) == ""
    assert made.must_cancel(3.1) == "no_risk"
    made.risk_spoke(NOW + 3 * NS, NOW + 3 * NS, 3.0)
    assert made.must_cancel(5.1) == "no_marks"


def test_a_backlog_that_arrives_late_is_no_sign_of_life() -> None:
    made = guard()
    made.mark(NOW, NOW + 4 * NS, 4.0)
    made.risk_spoke(NOW, NOW + 4 * NS, 4.0)
    assert made.must_cancel(4.0) == "no_marks"


def test_before_the_first_sign_nothing_leaves_and_nothing_is_cancelled() -> None:
    made = EgressGuard(GuardConfig(), LiveConfig(), (instrument(),), began=0.0)
    assert made.closed(0.5) == "no_marks"
    assert made.must_cancel(0.5) == ""
    assert made.must_cancel(3.5) == "no_marks"


@pytest.mark.parametrize(
    ("received", "rule"), [(NOW - 6 * NS, "approval_age"), (0, "approval_age"), (NOW, "")]
)
def test_an_approval_is_as_old_as_the_datum_behind_it(received: int, rule: str) -> None:
    assert guard().blocks(order(), received, NOW, 0.0) == rule


def test_the_last_look_sees_what_came_since_and_the_expiry() -> None:
    made = guard()
    expires = made.expires(NOW)
    assert made.last_look(expires, NOW, 0.0) == ""
    assert made.last_look(expires, expires + 1, 0.0) == "expired"
    made.kill_file = True
    assert made.last_look(expires, NOW, 0.0) == "kill_file"


def test_without_a_price_or_a_definition_nothing_leaves() -> None:
    made = guard()
    assert made.blocks(order(instrument="eth-usdt.test"), NOW, NOW, 0.0) == "instrument"
    bare = EgressGuard(GuardConfig(), LiveConfig(), (instrument(),), began=0.0)
    bare.marks, bare.risk = made.marks, made.risk
    bare.connected = bare.reconciled = True
    assert bare.blocks(order(), NOW, NOW, 0.0) == "no_price"


def test_the_rate_is_of_any_second() -> None:
    made = guard(orders_per_second_max=2)
    said = [made.blocks(order(number), NOW, NOW, at) for number, at in enumerate([0.0, 0.5, 0.9, 1.1, 1.2])]
    assert said == ["", "", "order_rate", "", "order_rate"]
