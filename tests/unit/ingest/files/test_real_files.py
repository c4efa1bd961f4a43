from pathlib import Path

import numpy as np
import pytest
from penstock_contracts.market import BarBatch, Gap, TradeBatch
from penstock_contracts.types import InstrumentKind
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
