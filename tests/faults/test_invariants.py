"""The invariants find what they are there for, on a session of which parts were changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from penstock.config.load import ConfigOptions, load
from penstock.config.resolve import resolve
from penstock_contracts.control import Session
from penstock_contracts.orders import OrderApproved, PositionChanged
from penstock_contracts.venue import Fill, OrderSubmitted
from penstock_kernel.topology import PLACES
from penstock_research.chained import run_chained

from faults import market
from faults.evidence import Evidence
from faults.invariants import Verdict, check_acknowledged, check_against_undisturbed, check_log


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    file = market.write_bars(tmp_path_factory.mktemp("bars") / "btc-perp-1m.csv", 400, 3)
    document = resolve(load(ConfigOptions("open", None, (), market.replay(file)), {}), "s-1", 1).document
    run = run_chained(document)
    evidence = Evidence(document)
    for producer in ("strategy", "risk", "execution"):
        evidence.business += [
            (number, PLACES[producer].family, each) for number, each in enumerate(run.outputs[producer])
        ]
    evidence.end = Session(phase="end", session_id="s-1", ts=1, config_hash="", code_hash="")
    return evidence


def changed(session: Evidence, cls: type[Any], **fields: Any) -> Evidence:
    """The session with the last message of a type changed."""
    at = max(number for number, (_, _, each) in enumerate(session.business) if type(each) is cls)
    business = list(session.business)
    sequence, family, message = business[at]
    business[at] = (sequence, family, replace(message, **fields))
    return replace(session, business=business)


def without(session: Evidence, cls: type[Any]) -> Evidence:
    """The session without the last message of a type."""
    at = max(number for number, (_, _, each) in enumerate(session.business) if type(each) is cls)
    return replace(session, business=session.business[:at] + session.business[at + 1 :])


def broken(evidence: Evidence) -> set[str]:
    verdict = Verdict()
    check_log(evidence, verdict)
    check_against_undisturbed(evidence, verdict)
    return set(verdict.broken)


def test_an_undisturbed_session_breaks_nothing(session: Evidence) -> None:
    assert len(session.of(Fill)) > 100
    assert broken(session) == set()


def test_a_fill_that_is_missing_breaks_positions_and_the_hash(session: Evidence) -> None:
    assert {"I1", "I8"} <= broken(without(session, Fill))


def test_a_position_that_is_not_the_sum_of_fills_is_found(session: Evidence) -> None:
    quantity = session.of(PositionChanged)[-1].quantity + 1
    assert "I1" in broken(changed(session, PositionChanged, quantity=quantity))


def test_an_order_that_reached_the_venue_twice_is_found(session: Evidence) -> None:
    first = session.of(OrderSubmitted)[0]
    again = changed(session, OrderSubmitted, client_order_id=first.client_order_id, order_id=first.order_id)
    assert "I2" in broken(again)


def test_an_order_without_approval_is_found(session: Evidence) -> None:
    assert "I7" in broken(without(session, OrderApproved))


def test_one_tick_in_one_fill_is_another_hash(session: Evidence) -> None:
    price = session.of(Fill)[-1].price + 1
    assert "I8" in broken(changed(session, Fill, price=price))


def test_an_output_that_the_log_lacks_is_lost_and_another_is_divergent(session: Evidence) -> None:
    one, two = {**session.outputs, "risk": [b"a"]}, {**session.outputs, "risk": [b"a", b"b"]}
    verdict = Verdict()
    check_log(replace(session, outputs=one, expected=two), verdict)
    assert (verdict.lost, verdict.duplicate, verdict.divergent) == (1, 0, 0)
    verdict = Verdict()
    check_log(replace(session, outputs={**session.outputs, "risk": [b"a", b"c"]}, expected=two), verdict)
    assert (verdict.lost, verdict.duplicate, verdict.divergent) == (0, 0, 1)


def test_what_was_delivered_and_is_gone_is_lost(session: Evidence) -> None:
    verdict = Verdict()
    check_acknowledged({1: "a", 2: "b"}, replace(session, stored={1: "a"}), verdict)
    assert verdict.lost == 1
