"""Session days: what counts by the day follows the calendar of what is traded, across midnight and closes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from penstock_contracts.base import Message
from penstock_contracts.features import Prices
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.orders import OrderApproved, SignalRefused, TradingStateChanged
from penstock_contracts.types import MarketStatus, TradingState
from penstock_ingest.hours import changes_of
from penstock_kernel.session import SessionConfig
from penstock_risk.guarded import risk_stage
from support.risk import BTC, ETH, MINUTE, D, Table, of, perpetual, price_rows, session, settings

DAY = 1440 * MINUTE


def at(text: str) -> int:
    """A time in UTC, ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


class Exchange(Table):
    """A desk whose instruments keep calendars; their hours are said as time goes on."""

    def __init__(self, start: str, *calendars: str | None, guardrails: dict[str, Any] | None = None) -> None:
        keys = (BTC, ETH)[: len(calendars)]
        pairs = zip(keys, calendars, strict=True)
        defined = session(*(perpetual(key, calendar=calendar) for key, calendar in pairs))
        if guardrails is not None:
            first = type(defined.strategies[0]).model_validate(
                {**defined.strategies[0].model_dump(), "guardrails": guardrails}
            )
            defined = defined.model_copy(update={"strategies": (first, *defined.strategies[1:])})
        config = settings(daily_loss_fraction_max=D("0.01"))
        super().__init__(config, defined)
        self.stage = risk_stage(config, defined)  # type: ignore[assignment]
        self.now = at(start)
        self.changes = sorted(
            (
                (change.ts, each.instrument, change)
                for each in defined.instruments
                for change in changes_of(each, self.now, self.now + 6 * DAY)
            ),
            key=lambda change: change[:2],
        )
        self.mark()
        self.until(self.now)

    def until(self, end: int) -> list[Message]:
        """Go to a time, an hour at most in one interval, with what calendars say on the way."""
        said = self._hours()
        while self.now < end:
            said += self.mark(step=min(60 * MINUTE, end - self.now))
            said += self._hours()
        return said

    def _hours(self) -> list[Message]:
        said: list[Message] = []
        while self.changes and self.changes[0][0] <= self.now:
            ts, key, change = self.changes.pop(0)
            status = InstrumentStatus(
                instrument=key, ts_event=ts, ts_init=ts, scheduled=True, day=change.day,
                day_end=change.day_end, ahead=change.ahead,
                status=MarketStatus.TRADING if change.open else MarketStatus.CLOSED,
            )  # fmt: skip
            said += self.say(status)
        return said

    def lose(self, price: str = "89") -> list[TradingStateChanged]:
        """The price falls, and what stops trading closes what is open."""
        self.price(price)
        said = self.mark()
        for order in of(said, OrderApproved):
            self.fill(order, price)
        return of(said, TradingStateChanged)


def states(messages: list[Message]) -> list[tuple[TradingState, int]]:
    return [(each.state, each.ts) for each in of(messages, TradingStateChanged)]


def test_a_daily_loss_of_a_session_that_crosses_midnight_is_one_loss() -> None:
    # CME's day of 2024-11-27 began at 23:00 UTC on the 26th.
    table = Exchange("2024-11-26T23:10", "CMES")
    table.price("100")
    table.trade("long", "100", "100")
    assert table.lose("94") == []
    table.until(at("2024-11-27T02:00"))
    # By UTC days 600 would be yesterday's and 500 today's, and neither the limit of 1000.
    (stopped,) = table.lose("89")
    assert (stopped.rule, stopped.value) == ("daily_loss", 1100)
    assert states(table.until(at("2024-11-27T22:59"))) == []
    assert table.stage.status().next_due >= at("2024-11-27T23:00")
    assert states(table.until(at("2024-11-27T23:00"))) == [(TradingState.ACTIVE, at("2024-11-27T23:00"))]


def test_utc_days_count_where_there_is_no_calendar_or_more_than_one() -> None:
    for calendars in ((None,), ("CMES", None), ("CMES", "24/7")):
        table = Exchange("2024-11-26T23:10", *calendars)
        table.price("100")
        table.trade("long", "100", "100")
        assert table.lose("94") == []
        table.until(at("2024-11-27T02:00"))
        assert table.lose("89") == []
        (stopped,) = table.lose("83")
        assert stopped.value == 1100


def test_after_an_early_close_a_stop_waits_for_the_next_session() -> None:
    # The day after Thanksgiving closes at 18:00 UTC, and Monday opens at 14:30.
    table = Exchange("2024-11-29T14:40", "XNYS")
    table.price("100")
    table.trade("long", "100", "100")
    (stopped,) = table.lose()
    assert stopped.rule == "daily_loss"
    assert states(table.until(at("2024-12-02T14:29"))) == []
    assert states(table.until(at("2024-12-02T14:30"))) == [(TradingState.ACTIVE, at("2024-12-02T14:30"))]


def test_what_could_not_be_closed_before_an_early_close_is_closed_at_the_next_open() -> None:
    table = Exchange("2024-11-29T17:50", "XNYS")
    table.price("100")
    table.trade("long", "100", "100")
    table.until(at("2024-11-29T18:00"))
    (stopped,) = table.lose()
    assert stopped.rule == "daily_loss"
    assert of(table.until(at("2024-12-02T14:29")), OrderApproved) == []
    (order,) = of(table.until(at("2024-12-02T14:30")), OrderApproved)
    assert order.reason == "stop"
    table.fill(order, "89")
    assert states(table.mark()) == [(TradingState.ACTIVE, table.now)]


def test_a_day_begins_with_the_open_when_the_clocks_have_changed() -> None:
    # Friday's session began at 14:30 UTC; New York's clocks went on an hour, so Monday's begins at 13:30.
    table = Exchange("2024-03-08T14:40", "XNYS")
    table.price("100")
    table.trade("long", "100", "100")
    table.lose()
    assert states(table.until(at("2024-03-11T13:29"))) == []
    assert states(table.until(at("2024-03-11T13:30"))) == [(TradingState.ACTIVE, at("2024-03-11T13:30"))]


@pytest.mark.parametrize(("calendar", "limited"), [("CMES", True), (None, False)])
def test_trades_of_a_day_are_those_of_the_session(calendar: str | None, limited: bool) -> None:
    table = Exchange("2024-11-26T23:10", calendar, guardrails={"trades_per_day_max": 1})
    table.price("100")
    table.trade("long", "1", "100")
    table.trade("flat", "0", "100")
    table.until(at("2024-11-27T02:00"))
    table.price("100")
    refused = of(table.signal("long", "1"), SignalRefused)
    assert [each.rule for each in refused] == (["trades_per_day"] if limited else [])
    if limited:
        table.until(at("2024-11-27T23:00"))
        table.price("100")
        assert of(table.signal("long", "1"), OrderApproved)


def test_prices_may_be_cut_anywhere_across_midnight_and_a_restart_changes_nothing() -> None:
    defined: SessionConfig = session(perpetual(calendar="CMES"))
    rows = [(BTC, at("2024-11-26T23:20") + number * MINUTE, 1000 - number) for number in range(120)]
    said = []
    for size in (100, 7, 1):
        table = Exchange("2024-11-26T23:10", "CMES")
        table.price("100")
        table.trade("long", "100", "100")
        for first in range(0, len(rows), size):
            prices: Prices = price_rows(rows[first : first + size])
            table.say(prices)
            if size == 7:
                again = risk_stage(settings(daily_loss_fraction_max=D("0.01")), defined)
                again.restore(table.stage.snapshot())
                table.stage = again  # type: ignore[assignment]
        table.now = rows[-1][1]
        table.mark()
        said.append(states(table.said))
    # Forty minutes of the loss lie before midnight.
    assert said[0] == said[1] == said[2] == [(TradingState.REDUCING, at("2024-11-27T01:00"))]
