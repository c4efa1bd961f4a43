"""What scheduled statuses say of an event time."""

from typing import Any

import pytest
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.types import MarketStatus
from penstock_kernel.hours import Hours, utc_text


def said(ts: int, *ahead: int, is_open: bool = True, before: Hours | None = None, **changes: Any) -> Hours:
    status = MarketStatus.TRADING if is_open else MarketStatus.CLOSED
    fields: dict[str, Any] = {
        "instrument": "a.b",
        "ts_event": ts,
        "ts_init": ts,
        "status": status,
        "ahead": ahead,
    }
    return Hours.said(InstrumentStatus(**{**fields, "scheduled": True, **changes}), before)


@pytest.mark.parametrize(
    ("ts", "is_open"),
    [(10, True), (19, True), (20, False), (29, False), (30, True), (39, True)],
)
def test_what_is_announced_counts_before_it_is_said_again(ts: int, is_open: bool) -> None:
    assert said(10, 20, 30, 40).open_at(ts) is is_open


def test_beyond_the_last_that_is_announced_nobody_knows_so_it_is_closed() -> None:
    assert not said(10, 20, 30).open_at(30)
    assert not said(10, 20).open_at(20)
    assert said(10).open_at(10**9)
    assert not said(10, is_open=False).open_at(10**9)


def test_a_refusal_says_since_when_and_until_when_it_is_closed() -> None:
    hours = said(10, 20, 30, 40)
    assert (hours.closed_since(25), hours.opens_after(25)) == (20, 30)
    closed = said(20, is_open=False)
    assert (closed.closed_since(25), closed.opens_after(25)) == (20, None)


def test_a_new_session_right_after_the_last_leaves_the_market_open_since_then() -> None:
    first = said(10, day="2024-11-28")
    second = said(20, before=first, day="2024-11-29")
    assert (second.since, second.ts, second.day) == (10, 20, "2024-11-29")
    assert said(30, is_open=False, before=second).since == 30


def test_times_are_told_in_utc() -> None:
    assert utc_text(1_732_903_200 * 10**9 + 5) == "2024-11-29T18:00:00Z"
