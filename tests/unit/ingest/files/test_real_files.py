from pathlib import Path

import numpy as np
import pytest
from penstock_contracts.market import BarBatch, BookBatch, Gap, QuoteBatch, TradeBatch
from penstock_contracts.types import InstrumentKind
from penstock_kernel.book import OrderBook
from support.ingest import open_files

MINUTE = 60 * 10**9


def test_the_month_of_one_minute_bars_is_stamped_at_their_end(shared_data: Path) -> None:
    (feed,) = open_files(shared_data / "bars" / "btc-perp-1m-2022-01.csv.gz")

    messages = feed.read_until(2**62)

    bars = [each for each in messages if isinstance(each, BarBatch)]
    assert sum(len(each.ts_event) for each in bars) == 45_031
    assert feed.quarantined.total() == 0
    assert feed.bar_interval == MINUTE
    assert bars[0].ts_event[0] == 1_640_991_660 * 10**9  # 2021-12-31T23:01:00Z
    assert (bars[0].open[0], bars[0].price_scale) == (46_319_000, 3)
    assert bars[0].volume[0] / 10 ** bars[0].size_scale == 2_300_413.7295
    assert feed.instrument.instrument == "btc-perp.replay"
    assert feed.instrument.kind is InstrumentKind.PERPETUAL
    assert feed.instrument.volume_unit == "quote"
    assert (feed.instrument.base, feed.instrument.quote) == ("BTC", "USD")
    assert any("end of a bar" in text for text in feed.instrument.assumptions)


@pytest.mark.parametrize(
    ("pair", "rows", "gaps"), [("eth", 5760, 0), ("ltc", 5760, 0), ("xmr", 5758, 2), ("dash", 5758, 2)]
)
def test_five_minute_pairs_are_stamped_at_the_start_and_say_what_is_missing(
    shared_data: Path, pair: str, rows: int, gaps: int
) -> None:
    (feed,) = open_files(shared_data / "bars" / f"{pair}-btc-5m.parquet")

    messages = feed.read_until(2**62)

    bars = [each for each in messages if isinstance(each, BarBatch)]
    assert sum(len(each.ts_event) for each in bars) == rows
    assert bars[0].ts_event[0] == 1_515_560_400 * 10**9  # the bar of 04:55 ends at 05:00
    assert (bars[0].price_scale, bars[0].size_scale) == (8, 8)
    found = [each for each in messages if isinstance(each, Gap)]
    assert [each.ts_to - each.ts_from for each in found] == [5 * MINUTE] * gaps
    assert feed.instrument.instrument == f"{pair}-btc.replay"
    assert (feed.instrument.quote, feed.instrument.kind) == ("BTC", InstrumentKind.SPOT)
    assert feed.instrument.volume_unit == "base"


def test_floats_with_binary_noise_are_the_decimals_that_were_meant(shared_data: Path) -> None:
    (feed,) = open_files(shared_data / "bars" / "eth-btc-5m.parquet")

    (first, *_) = feed.read_until(2**62)

    assert first.open[:2].tolist() == [9_840_000, 9_946_999]  # the file holds 0.09946999000000001
    assert first.volume[0] == 182_054_447_418


def test_the_trades_keep_ids_sides_and_milliseconds(shared_data: Path) -> None:
    (feed,) = open_files(shared_data / "trades" / "btc-usdt-2021-01-08.parquet")

    (batch,) = feed.read_until(2**62)

    assert isinstance(batch, TradeBatch)
    assert len(batch.ts_event) == 2_001
    assert batch.ts_event[0] == 1_610_064_000_278_000_000
    assert (batch.price_scale, batch.size_scale) == (2, 6)
    assert (batch.price[0], batch.size[0], batch.trade_id[0]) == (3_943_248, 263, b"553287559")
    assert batch.side[:2].tolist() == [-1, 1]  # the buyer of the first was the maker
    assert np.all(np.diff(batch.ts_init) >= 0)
    assert str(feed.instrument.tick_size) == "0.01"
    assert str(feed.instrument.lot_size) == "0.000001"


def test_the_recorded_quotes_and_trades_are_of_one_instrument(shared_data: Path) -> None:
    name = "btc-usdt-2021-01-08.parquet"
    quotes, trades = open_files(shared_data / "quotes" / name, shared_data / "trades" / name)
    assert quotes.instrument == trades.instrument
    (batch,) = quotes.read_until(2**62)
    assert isinstance(batch, QuoteBatch)
    assert (len(batch.bid), quotes.quarantined.total()) == (451, 0)
    first = (batch.bid[0], batch.bid_size[0], batch.ask[0], batch.ask_size[0])
    assert first == (3_943_299, 3_100, 3_943_362, 66_851)
    assert (batch.price_scale, batch.size_scale, batch.ts_init[0]) == (2, 6, 1_610_064_001_076_000_000)


def test_the_recorded_exchange_rate_has_no_sizes(shared_data: Path) -> None:
    (feed,) = open_files(shared_data / "quotes" / "usd-jpy-2013-01.csv")
    (batch,) = feed.read_until(2**62)
    assert (len(batch.bid), feed.quarantined.total()) == (1000, 0)
    assert (batch.bid[-1], batch.ask[-1], batch.price_scale) == (86_836, 86_854, 3)
    assert not batch.bid_size.any()
    assert (feed.instrument.base, feed.instrument.quote) == ("USD", "JPY")


def test_the_venues_book_messages_make_a_book_that_never_crosses(shared_data: Path) -> None:
    (feed,) = open_files(shared_data / "books" / "xrp-usdt-ob500.zip")
    (batch,) = feed.read_until(2**62)
    assert isinstance(batch, BookBatch)
    assert feed.quarantined.total() == 0
    book, updates = OrderBook(), 0
    for row in range(len(batch.price)):
        book.apply(batch, row, row + 1)
        if book.whole:
            updates += 1
            assert book.two_sided
            assert (len(book.bids.keys), len(book.asks.keys)) == (500, 500)
    assert updates == 50
    assert (book.price_scale, book.last_update_id - batch.last_update_id[0]) == (4, 49)


def test_updates_long_after_their_snapshot_are_a_hole(shared_data: Path) -> None:
    names = ("btc-usdt-depth-snapshot.csv", "btc-usdt-depth-updates.csv")
    gaps, book = open_files(*(shared_data / "books" / name for name in names))
    (gap,) = gaps.read_until(2**62)
    (batch,) = book.read_until(2**62)
    assert gap.book
    assert gap.reason == "update 2098041693435 does not follow 2098021528332"
    assert gap.ts_init == 1_667_347_199_939 * 10**6
    assert len(batch.price) == 100
    assert dict(book.quarantined) == {"update_missing": 100}
