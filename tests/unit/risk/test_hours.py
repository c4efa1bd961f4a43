"""Market hours before risk's door: what is refused with which figures, what waits, what is settled."""

from typing import Any

import pytest
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.orders import OrderApproved, SignalRefused, TradingStateChanged
from penstock_contracts.types import MarketStatus, OrderState, TimeInForce, TradingState
from support.risk import BTC, MINUTE, START, D, Table, command, limit, of, perpetual, session, settings

HOUR = 60 * MINUTE
SECOND = 1_000_000_000


def table(**definition: Any) -> Table:
    """One instrument with a calendar, a price, and nothing heard of its hours yet."""
    desk = Table(settings(), session(perpetual(**{"calendar": "XNYS", **definition})))
    desk.mark()
    desk.price("100")
    return desk


def said(desk: Table, *ahead: int, is_open: bool = True) -> None:
    desk.say(
        InstrumentStatus(
            instrument=BTC,
            ts_event=desk.now,
            ts_init=desk.now,
            status=MarketStatus.TRADING if is_open else MarketStatus.CLOSED,
            scheduled=True,
            ahead=ahead,
        )
    )


def refused(desk: Table, **changes: Any) -> SignalRefused:
    (found,) = of(desk.signal("long", "1", **changes), SignalRefused)
    assert isinstance(found, SignalRefused)
    return found


def test_nothing_passes_before_the_calendar_was_heard_of() -> None:
    desk = table()
    assert (refused(desk).rule, refused(desk).text) == ("market_closed", "nothing was heard of XNYS yet")
    said(desk, desk.now + HOUR)
    assert of(desk.signal("long", "1"), OrderApproved)


def test_a_refusal_outside_hours_says_when_it_closed_and_when_it_is() -> None:
    desk = table()
    said(desk, START + 10 * MINUTE, START + 20 * MINUTE, START + HOUR)
    late = refused(desk, ts=START + 12 * MINUTE)
    assert (late.rule, late.limit, late.value) == (
        "market_closed",
        D(START + 10 * MINUTE) / SECOND,
        D(START + 12 * MINUTE) / SECOND,
    )
    assert late.text == "XNYS is closed until 2022-01-01T12:20:00Z"
    # What is decided at the close comes too late for it; at the open it is in time.
    assert refused(desk, ts=START + 10 * MINUTE).limit == late.limit
    assert of(desk.signal("long", "1", ts=START + 20 * MINUTE), OrderApproved)


def test_an_instrument_that_has_expired_says_when() -> None:
    desk = table(calendar=None, expiry=START + MINUTE)
    found = refused(desk)
    assert (found.limit, found.text) == (D(START + MINUTE) / SECOND, "expired at 2022-01-01T12:01:00Z")


def test_a_venue_s_halt_outlasts_the_open() -> None:
    desk = table()
    said(desk)
    halt = InstrumentStatus(instrument=BTC, ts_event=desk.now, ts_init=desk.now, status=MarketStatus.HALTED)
    desk.say(halt)
    said(desk)
    assert refused(desk).text == "halted"


def test_cancels_pass_outside_hours() -> None:
    desk = table()
    said(desk, desk.now + MINUTE)
    (order,) = of(desk.signal("long", "1", style=limit("90", time_in_force=TimeInForce.GTC)), OrderApproved)
    desk.mark()
    told = desk.mark(command("cancel"))
    assert [each.order_id for each in told if type(each).__name__ == "CancelRequested"] == [order.order_id]


@pytest.mark.parametrize("verb", ["flatten", "close"])
def test_a_position_is_closed_when_the_market_opens(verb: str) -> None:
    desk = table()
    said(desk, START + 3 * MINUTE, START + 6 * MINUTE, START + 9 * MINUTE)
    desk.trade("long", "1", "100")
    while desk.now < START + 3 * MINUTE:
        desk.mark()
    filters = {"instrument": BTC} if verb == "close" else {}
    closing = [of(desk.mark(command(verb, **filters)), OrderApproved)]
    closing += [of(desk.mark(), OrderApproved) for _ in range(2)]
    # At the marks of minutes 4 and 5 the market is closed; at that of minute 6 it opens.
    assert [len(each) for each in closing] == [0, 0, 1]
    assert closing[2][0].reason == verb


def test_when_the_data_is_over_nothing_waits_for_a_session() -> None:
    desk = table()
    said(desk, START + 2 * MINUTE, START + HOUR)
    desk.trade("long", "1", "100")
    desk.mark()
    (order,) = of(desk.mark(ended=True), OrderApproved)
    assert order.reason == "ended"


def expiring() -> Table:
    """A position of 1 at 100 in what expires in a minute."""
    desk = table(calendar=None, expiry=START + 2 * MINUTE)
    desk.trade("long", "1", "100")
    return desk


def test_a_position_in_what_expires_is_settled() -> None:
    desk = expiring()
    (order,) = of(desk.mark(), OrderApproved)
    assert (order.reason, order.quantity, order.reduce_only) == ("expiry", 1, True)
    assert of(desk.mark(), OrderApproved) == []
    desk.fill(order, "107")
    assert desk.stage.describe()["pnl_realized"] == "7"
    assert desk.stage.describe()["positions"] == []


def test_a_position_that_is_not_settled_halts_instead_of_asking_for_ever() -> None:
    desk = expiring()
    (order,) = of(desk.mark(), OrderApproved)
    (halted,) = of(desk.over(order, OrderState.REJECTED), TradingStateChanged)
    assert halted.state is TradingState.HALTED
    assert "has expired and is not settled" in halted.reason
    assert of(desk.mark(), OrderApproved) == []


def test_what_is_halted_stays_as_it_is_beyond_its_expiry_and_is_settled_on_resume() -> None:
    desk = expiring()
    assert of(desk.mark(command("halt")), OrderApproved) == []
    (order,) = of(desk.mark(command("resume")), OrderApproved)
    assert order.reason == "expiry"


def test_hours_are_in_the_snapshot() -> None:
    desk = table()
    said(desk, desk.now + MINUTE, desk.now + HOUR)
    again = Table(settings(), session(perpetual(calendar="XNYS")))
    again.stage.restore(desk.stage.snapshot())
    assert again.stage.snapshot() == desk.stage.snapshot()
    again.now = desk.now
    assert refused(again, ts=desk.now + MINUTE).rule == "market_closed"
    assert of(again.signal("long", "1"), OrderApproved)


def test_what_was_to_be_closed_when_it_expired_is_settled_too() -> None:
    desk = table(calendar=None, expiry=START + 3 * MINUTE)
    desk.trade("long", "1", "100")
    (closing,) = of(desk.mark(command("flatten")), OrderApproved)
    assert closing.reason == "flatten"
    desk.over(closing, OrderState.EXPIRED)
    (order,) = of(desk.mark(), OrderApproved)
    assert order.reason == "expiry"
