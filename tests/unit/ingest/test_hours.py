"""Scheduled statuses: from calendars and expiries to messages."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import InstrumentStatus
from penstock_contracts.types import InstrumentKind, MarketStatus
from penstock_ingest.errors import DefinitionError
from penstock_ingest.hours import changes_of, check_calendars, hours_feeds
from penstock_kernel.hours import utc_text

SHARE = Instrument(
    instrument="spy-usd.replay",
    kind=InstrumentKind.EQUITY,
    base="SPY",
    quote="USD",
    settlement="USD",
    lot_size=Decimal(1),
    price_decimals=2,
    size_decimals=0,
    fee_maker=Decimal(0),
    fee_taker=Decimal(0),
    calendar="XNYS",
)


def at(text: str) -> int:
    """ns of a UTC time."""
    return int(datetime.fromisoformat(f"{text}+00:00").astimezone(UTC).timestamp()) * 10**9


def told(calendar: str, start: str, end: str, expiry: str | None = None) -> list[tuple[str, bool, str]]:
    """(time, open, day) of what is said of a window."""
    instrument = replace(SHARE, calendar=calendar, expiry=None if expiry is None else at(expiry))
    changes = changes_of(instrument, at(start), at(end))
    return [(utc_text(each.ts)[5:16], each.open, each.day) for each in changes]


def test_the_day_after_thanksgiving_closes_early() -> None:
    assert told("XNYS", "2024-11-27T20:00", "2024-12-02T15:00") == [
        ("11-27T20:00", True, "2024-11-27"),  # how it is when the window begins
        ("11-27T21:00", False, "2024-11-27"),
        ("11-29T14:30", True, "2024-11-29"),  # the 28th is a holiday
        ("11-29T18:00", False, "2024-11-29"),  # three hours early
        ("12-02T14:30", True, "2024-12-02"),
    ]


def test_daylight_saving_moves_the_open_in_utc() -> None:
    opens = [when for when, is_open, _ in told("XNYS", "2024-03-07T22:00", "2024-03-12T00:00") if is_open]
    assert opens == ["03-08T14:30", "03-11T13:30"]


def test_a_break_closes_the_market_but_not_the_session() -> None:
    assert told("XHKG", "2024-11-28T00:00", "2024-11-28T12:00")[1:] == [
        ("11-28T01:30", True, "2024-11-28"),
        ("11-28T04:00", False, "2024-11-28"),
        ("11-28T05:00", True, "2024-11-28"),
        ("11-28T08:00", False, "2024-11-28"),
    ]


def test_sessions_without_a_gap_change_the_day_alone() -> None:
    assert told("24/7", "2024-11-28T12:00", "2024-11-29T12:00") == [
        ("11-28T12:00", True, "2024-11-28"),
        ("11-29T00:00", True, "2024-11-29"),
    ]
    # A session of the futures market begins the evening before its date.
    assert told("CMES", "2024-11-26T12:00", "2024-11-27T12:00") == [
        ("11-26T12:00", True, "2024-11-26"),
        ("11-26T23:00", True, "2024-11-27"),
    ]


def test_an_expiry_ends_the_last_session_for_good() -> None:
    last = ("11-29T15:00", False, "2024-11-29")
    assert told("XNYS", "2024-11-29T14:00", "2024-12-03T00:00", "2024-11-29T15:00")[-2:] == [
        ("11-29T14:30", True, "2024-11-29"),
        last,
    ]
    # A session that begins after it hears of it at once.
    assert told("XNYS", "2024-12-02T00:00", "2024-12-03T00:00", "2024-11-29T15:00") == [
        ("12-02T00:00", False, "2024-11-29")
    ]


def test_an_expiry_needs_no_calendar() -> None:
    instrument = replace(SHARE, calendar=None, expiry=at("2024-11-29T15:00"))
    assert changes_of(instrument, at("2024-11-28T00:00"), at("2024-11-29T00:00")) == []
    (change,) = changes_of(instrument, at("2024-11-28T00:00"), at("2024-11-30T00:00"))
    assert (change.ts, change.open, change.reason) == (instrument.expiry, False, "expired")


def test_each_status_announces_what_comes_wherever_the_data_ends() -> None:
    short = changes_of(SHARE, at("2024-11-27T20:00"), at("2024-11-27T22:00"))
    longer = changes_of(SHARE, at("2024-11-27T20:00"), at("2025-03-01T00:00"))
    assert short == longer[: len(short)]
    assert [utc_text(ts)[5:16] for ts in short[0].ahead[:3]] == ["11-27T21:00", "11-29T14:30", "11-29T18:00"]
    assert (
        changes_of(replace(SHARE, calendar="24/7"), at("2024-11-27T20:00"), at("2024-12-27T22:00"))[0].ahead
        == ()
    )


def test_a_feed_hands_the_statuses_out_as_messages() -> None:
    start = at("2024-11-28T00:00")
    others = [SHARE, replace(SHARE, instrument="btc-usd.replay", calendar=None)]
    (feed,) = hours_feeds([SHARE, *others], start, start + 1)
    assert feed.name == "schedule.spy-usd.replay"
    (status,) = feed.read_until(start + 1)
    assert isinstance(status, InstrumentStatus)
    assert (status.ts_init, status.status, status.scheduled) == (start + 1, MarketStatus.CLOSED, True)


def test_a_calendar_that_nobody_knows_is_an_error_with_those_that_are_near() -> None:
    with pytest.raises(DefinitionError, match=r"spy-usd.replay.calendar: no calendar is named 'XNYC'.*XNYS"):
        check_calendars([replace(SHARE, calendar="XNYC")])
