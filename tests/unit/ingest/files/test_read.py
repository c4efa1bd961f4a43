import gzip
from pathlib import Path

import polars as pl
import pytest
from penstock_contracts.market import BarBatch
from support.ingest import (
    BAR_HEADER,
    BEGIN,
    SECOND,
    bar_rows,
    bars_file,
    everything,
    open_files,
    trade_rows,
    trades_file,
    write_csv,
)


def test_csv_gzip_and_parquet_of_the_same_trades_give_the_same_rows(tmp_path: Path) -> None:
    plain = trades_file(tmp_path, 50, "btc-usdt.csv")
    packed = tmp_path / "packed" / "btc-usdt.csv.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    columnar = tmp_path / "btc-usdt.parquet"
    pl.read_csv(plain).write_parquet(columnar)

    rows = [[row[2:] for row in everything(open_files(file)[0])] for file in (plain, packed, columnar)]

    assert len(rows[0]) == 50
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1700000000", BEGIN),
        ("1700000000.25", BEGIN + SECOND // 4),
        ("1700000000123", BEGIN + 123_000_000),
        ("1700000000123456", BEGIN + 123_456_000),
        ("1700000000123456789", BEGIN + 123_456_789),
        ("2023-11-14T22:13:20Z", BEGIN),
        ("2023-11-14T22:13:20.5Z", BEGIN + SECOND // 2),
        ("2023-11-14 22:13:20", BEGIN),
        ("2023-11-14 22:13:20.123456789", BEGIN + 123_456_789),
        ("2023-11-15T00:13:20+02:00", BEGIN),
        ("2023/11/14 22:13:20", BEGIN),
        ("2023-11-14 22:13:20 UTC", BEGIN),
        ("2023-11-14 22:13", BEGIN - 20 * SECOND),
        ("2023-11-14", BEGIN - 80_000 * SECOND),
    ],
)
def test_times_are_recognised_however_they_are_written(tmp_path: Path, written: str, expected: int) -> None:
    file = write_csv(tmp_path, "btc-usdt.csv", "time,price,qty", [f"{written},100.5,1"])

    (batch,) = open_files(file)[0].read_until(2**62)

    assert batch.ts_event.tolist() == [expected]


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet_times_of_any_unit_and_zone_are_utc(tmp_path: Path, unit: str, zone: str | None) -> None:
    times = pl.Series("ts", [1_700_000_000_000]).cast(pl.Datetime("ms", zone)).dt.cast_time_unit(unit)
    file = tmp_path / "btc-usdt.parquet"
    pl.DataFrame({"ts": times, "price": [1.5], "size": [2.0]}).write_parquet(file)

    (batch,) = open_files(file)[0].read_until(2**62)

    assert batch.ts_event.tolist() == [BEGIN]


def test_times_of_any_other_pattern_are_read_as_told(tmp_path: Path) -> None:
    file = write_csv(tmp_path, "btc-usdt.csv", "when,price,qty", ["14.11.2023 22:13:20,100.5,1"])

    (feed,) = open_files(file, format="%d.%m.%Y %H:%M:%S", columns={"ts": "when"})

    assert feed.next_time() == BEGIN


def test_columns_are_taken_as_told_and_by_number_without_a_header(tmp_path: Path) -> None:
    named = write_csv(tmp_path, "btc-usdt.csv", "foo;bar;baz", ["1700000000;100.5;1", "1700000001;100.6;2"])
    bare = tmp_path / "eth-usdt.csv"
    bare.write_text("7,1700000000,100.5,1\n8,1700000001,100.6,2\n")

    (first,) = open_files(named, columns={"ts": "foo", "price": "bar", "size": "baz"})
    (second,) = open_files(bare, columns={"ts": "2", "price": "3", "size": "4", "trade_id": "1"})

    assert [row[4:8] for row in everything(first)] == [row[4:8] for row in everything(second)]
    (batch,) = open_files(bare, columns={"ts": "2", "price": "3", "size": "4", "trade_id": "1"})[
        0
    ].read_until(2**62)
    assert batch.trade_id.tolist() == [b"7", b"8"]


@pytest.mark.parametrize(
    ("column", "values"),
    [("side", ["Buy", "SELL", ""]), ("is_buyer_maker", ["false", "True", ""]), ("m", ["0", "1", ""])],
)
def test_the_side_is_the_aggressors(tmp_path: Path, column: str, values: list[str]) -> None:
    rows = [f"{1_700_000_000 + at},100,1,{value}" for at, value in enumerate(values)]
    file = write_csv(tmp_path, "btc-usdt.csv", f"ts,price,size,{column}", rows)

    (batch,) = open_files(file)[0].read_until(2**62)

    assert batch.side.tolist() == [1, -1, 0]


def test_bars_named_by_their_open_time_end_an_interval_later(tmp_path: Path) -> None:
    (feed,) = open_files(bars_file(tmp_path, 10))

    (batch,) = feed.read_until(2**62)

    assert isinstance(batch, BarBatch)
    assert batch.interval == 60 * SECOND
    assert batch.ts_event[0] == BEGIN // (60 * SECOND) * 60 * SECOND + 60 * SECOND
    assert (batch.open[0], batch.high[0], batch.low[0], batch.close[0], batch.volume[0]) == (
        100,
        102,
        99,
        101,
        105,
    )
    assert (batch.price_scale, batch.size_scale) == (0, 1)


def test_which_end_of_a_bar_its_time_is_can_be_set(tmp_path: Path) -> None:
    file = bars_file(tmp_path, 10)

    starts, ends = (open_files(file, bar_time=each)[0].next_time() or 0 for each in ("start", "end"))

    assert starts - ends == 60 * SECOND


def test_a_close_time_of_the_bars_last_millisecond_is_its_end(tmp_path: Path) -> None:
    first = 1_700_000_040_000 - 1
    rows = [f"{first + at * 60_000},1,1,1,1,1" for at in range(5)]
    file = write_csv(tmp_path, "btc-usdt.csv", "Close time,open,high,low,close,volume", rows)

    assert open_files(file)[0].next_time() == 1_700_000_040 * SECOND


def test_a_file_of_several_symbols_gives_a_feed_for_each(tmp_path: Path) -> None:
    rows = [
        f"{1_700_000_000 + at},{'BTC/USDT' if at % 2 else 'ETHUSDT'},{100 + 900 * (at % 2)},1"
        for at in range(20)
    ]
    file = write_csv(tmp_path, "all.csv", "ts,symbol,price,size", rows)

    feeds = open_files(file)

    assert [feed.instrument.instrument for feed in feeds] == ["ethusdt.replay", "btc-usdt.replay"]
    assert [(feed.instrument.base, feed.instrument.quote) for feed in feeds] == [
        ("ETH", "USDT"),
        ("BTC", "USDT"),
    ]
    assert [len(everything(feed)) for feed in feeds] == [10, 10]
    assert all(feed.quarantined.total() == 0 for feed in feeds)


def test_windows_line_ends_byte_order_marks_and_blank_lines_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "btc-usdt.csv"
    file.write_bytes(
        "\ufeffts, Price ,Qty\r\n1700000000, 100.5 ,1\r\n\r\n1700000001,100.6,2\r\n\r\n".encode()
    )

    (feed,) = open_files(file)

    assert len(everything(feed)) == 2
    assert feed.quarantined.total() == 0


def test_more_decimals_than_configured_are_quarantined(tmp_path: Path) -> None:
    (feed,) = open_files(trades_file(tmp_path, 10, r4=f"{BEGIN + SECOND},5,100.123,1"), price_decimals=2)

    assert len(everything(feed)) == 9
    assert feed.quarantined == {"out_of_range": 1}


def test_a_million_digits_more_or_less_do_not_stop_the_file(tmp_path: Path) -> None:
    file = trades_file(
        tmp_path, 10, r4=f"{BEGIN + SECOND},5,1{'0' * 400},1", r6=f"{BEGIN + 3 * SECOND // 2},7,100,1e-300"
    )

    (feed,) = open_files(file)

    assert len(everything(feed)) == 8
    assert feed.quarantined == {"infinite": 1, "out_of_range": 1}
    assert feed.instrument.size_decimals == 0


def test_rows_and_headers_of_the_helpers_are_what_other_tests_think(tmp_path: Path) -> None:
    assert len(trade_rows(3)) == len(bar_rows(3)) == 3
    assert BAR_HEADER.count(",") == bar_rows(1)[0].count(",")
