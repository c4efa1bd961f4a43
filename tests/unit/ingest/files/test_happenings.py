from decimal import Decimal
from pathlib import Path

import pytest
from penstock_contracts.base import Message
from penstock_contracts.market import Funding, InstrumentDefined, InstrumentStatus, Liquidation, Mark, Rate
from penstock_contracts.types import MarketStatus, Side
from penstock_ingest.errors import FileError
from penstock_ingest.events import EventFeed, feed_of
from penstock_ingest.feed import Feed
from penstock_ingest.schedule import Schedule
from penstock_ingest.sources import choose_grid, session_start
from support.ingest import BEGIN, SECOND, bars_file, open_files, trades_file, write_csv

S = BEGIN // SECOND


def events(folder: Path, name: str, header: str, rows: list[str], **how: object) -> EventFeed:
    """The feed of an events file beside trades of btc-usdt."""
    feeds = open_files(trades_file(folder), write_csv(folder, name, header, rows), **how)
    (feed,) = [each for each in feeds if isinstance(each, EventFeed)]
    return feed


def read(feed: Feed) -> list[Message]:
    return feed.read_until(2**62)


def test_funding_rates(tmp_path: Path) -> None:
    feed = events(
        tmp_path, "btc-usdt-funding.csv", "fundingTime,fundingRate", [f"{S},0.0001", f"{S + 9},-0.00025"]
    )
    first, second = read(feed)
    assert isinstance(first, Funding)
    assert (first.instrument, first.rate, first.ts_init) == ("btc-usdt.replay", Decimal("0.0001"), BEGIN)
    assert second.rate == Decimal("-0.00025")
    assert feed.quarantined == {}


def test_liquidations_are_told_from_trades_by_the_files_name(tmp_path: Path) -> None:
    rows = [f"{S},SELL,100.5,2", f"{S + 1},buy,99.25,0.5"]
    feed = events(tmp_path, "btc-usdt-liquidations.csv", "time,side,price,quantity", rows)
    first, second = read(feed)
    assert isinstance(first, Liquidation)
    assert (first.side, first.price, first.quantity) == (Side.SELL, Decimal("100.5"), Decimal(2))
    assert (second.side, second.quantity) == (Side.BUY, Decimal("0.5"))


def test_status_of_a_market(tmp_path: Path) -> None:
    rows = [f"{S},BTC/USDT,halted,news", f"{S + 5},BTC/USDT,open,"]
    feed = events(tmp_path, "states.csv", "ts,symbol,status,reason", rows)
    first, second = read(feed)
    assert isinstance(first, InstrumentStatus)
    assert (first.status, first.reason) == (MarketStatus.HALTED, "news")
    assert (second.status, second.reason) == (MarketStatus.TRADING, "")
    assert feed.name == "status.btc-usdt.replay"


def test_rates_between_currencies(tmp_path: Path) -> None:
    feed = events(tmp_path, "fx.csv", "ts,base,quote,rate", [f"{S},eur,usd,1.0825"])
    (rate,) = read(feed)
    assert isinstance(rate, Rate)
    assert (rate.base, rate.quote, rate.rate, rate.source) == ("EUR", "USD", Decimal("1.0825"), feed.name)


def test_changes_of_an_instrument_build_on_one_another(tmp_path: Path) -> None:
    rows = [f"{S},BTC/USDT,0.5,", f"{S + 5},BTC/USDT,,0.001"]
    feed = events(tmp_path, "changes.csv", "ts,symbol,tick_size,fee_taker", rows)
    first, second = read(feed)
    assert isinstance(first, InstrumentDefined)
    assert isinstance(second, InstrumentDefined)
    assert (first.instrument.tick_size, first.instrument.fee_taker) == (Decimal("0.5"), Decimal("0.0005"))
    assert (second.instrument.tick_size, second.instrument.fee_taker) == (Decimal("0.5"), Decimal("0.001"))


@pytest.mark.parametrize(
    ("name", "header", "row", "reason"),
    [
        ("btc-usdt-funding.csv", "ts,funding_rate", "{ts},nan", "not_a_number"),
        ("btc-usdt-funding.csv", "ts,funding_rate", "{ts},inf", "infinite"),
        ("btc-usdt-funding.csv", "ts,funding_rate", "{ts},", "not_a_number"),
        ("btc-usdt-funding.csv", "ts,funding_rate", "{ts},1e999999", "value"),
        ("btc-usdt-funding.csv", "ts,funding_rate", "1500000000,0.1", "time_back"),
        ("btc-usdt-funding.csv", "ts,funding_rate", "x,0.1", "time"),
        ("fx.csv", "ts,base,quote,rate", "{ts},EUR,USD,0", "price_not_positive"),
        ("fx.csv", "ts,base,quote,rate", "{ts},E R,USD,1", "value"),
        ("btc-usdt-status.csv", "ts,status", "{ts},asleep", "value"),
        ("btc-usdt-liquidations.csv", "ts,side,price,size", "{ts},up,1,1", "side"),
        ("btc-usdt-liquidations.csv", "ts,side,price,size", "{ts},buy,-1,1", "price_not_positive"),
        ("btc-usdt-liquidations.csv", "ts,side,price,size", "{ts},buy,1,0", "size_not_positive"),
        ("btc-usdt-changes.csv", "ts,tick_size", "{ts},-1", "value"),
        ("btc-usdt-changes.csv", "ts,tick_size", "{ts},", "value"),
    ],
)
def test_a_bad_row_is_counted_and_left_out(
    tmp_path: Path, name: str, header: str, row: str, reason: str
) -> None:
    good = {
        "funding_rate": "0.1", "base": "EUR", "quote": "USD", "rate": "1.1", "status": "halted",
        "side": "buy", "price": "5", "size": "1", "tick_size": "0.1",
    }  # fmt: skip
    fine = ",".join(good[column] for column in header.split(",")[1:])
    rows = [f"{S},{fine}", row.format(ts=S + 1), *(f"{S + at},{fine}" for at in range(2, 12))]
    feed = events(tmp_path, name, header, rows)
    assert len(read(feed)) == 11
    assert feed.quarantined == {reason: 1}
    (kept,) = feed.take_quarantined()
    assert (kept.row, kept.reason, kept.feed) == (3, reason, feed.name)
    assert feed.position == 12


def test_a_file_without_a_good_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="row 2: none of 1 rows is usable, this one for value"):
        events(tmp_path, "btc-usdt-status.csv", "ts,status", [f"{S},asleep"])


def test_events_of_an_instrument_without_prices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"funding of eth-usdt\.replay, of which no source has prices"):
        events(tmp_path, "eth-usdt-funding.csv", "ts,funding_rate", [f"{S},0.1"])


def test_two_files_of_status_for_one_instrument_are_refused(tmp_path: Path) -> None:
    first = write_csv(tmp_path, "btc-usdt-status.csv", "ts,status", [f"{S},halted"])
    second = write_csv(tmp_path, "btc-usdt-2-status.csv", "ts,status", [f"{S},open"])
    with pytest.raises(FileError, match="a second time; give one file of it"):
        open_files(trades_file(tmp_path), first, second)


def test_events_leave_the_grid_of_bars_as_it_is(tmp_path: Path) -> None:
    funding = write_csv(tmp_path, "btc-usdt-funding.csv", "ts,funding_rate", [f"{S + 7},0.1"])
    feeds = open_files(bars_file(tmp_path), funding)
    assert choose_grid(feeds) == 60 * SECOND


def test_a_restart_inside_an_interval_tells_no_event_twice(tmp_path: Path) -> None:
    def made() -> Schedule:
        rows = [
            f"{S + at},{status}" for at, status in ((1, "halted"), (2, "open"), (3, "halted"), (8, "open"))
        ]
        status = write_csv(tmp_path, "btc-usdt-status.csv", "ts,status", rows)
        ticks = write_csv(tmp_path, "btc-usdt-changes.csv", "ts,tick_size", [f"{S + 1},0.5", f"{S + 9},0.1"])
        feeds = open_files(trades_file(tmp_path), status, ticks)
        return Schedule(feeds, 5 * SECOND, session_start(feeds, 5 * SECOND))

    def told(schedule: Schedule, first: list[Message] | None = None) -> list[tuple[str, int]]:
        messages = list(first or [])
        mark: Mark | None = None
        while mark is None or not mark.ended:
            more, mark = schedule.next_interval()
            messages += more
        return sorted((feed_of(each) or "", ts) for each in messages for ts in _times(each))

    whole = told(made())
    begun = made()
    first, mark = begun.next_interval()
    after = begun.release(BEGIN + 2 * SECOND)
    released: dict[str, int] = {}
    for message in after:
        feed = feed_of(message)
        if feed is not None:
            released[feed] = released.get(feed, 0) + len(_times(message))
    assert released["status.btc-usdt.replay"] == 2
    assert released["instrument.btc-usdt.replay"] == 1
    again = made()
    again.resume(mark, released)
    assert told(again, [*first, *after]) == whole
    assert [begun.defines(message) for message in first[:2]] == [True, False]


def _times(message: Message) -> list[int]:
    ts = message.ts_init
    return [ts] if isinstance(ts, int) else ts.tolist()
