import gzip
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
from penstock_ingest.errors import FileError, FileMissing
from support.ingest import BAR_HEADER, bar_rows, bars_file, open_files, trade_rows, trades_file, write_csv


def refusal(file: Path, **settings: object) -> FileError:
    with pytest.raises(FileError) as caught:
        open_files(file, **settings)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(file))
    assert "; " in text
    return caught.value


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path / "none.csv"), FileMissing)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert "empty" in refusal(tmp_path / "a.csv").what


def test_a_header_without_rows(tmp_path: Path) -> None:
    assert "no rows" in refusal(write_csv(tmp_path, "a.csv", "ts,price,size", [])).what


def test_a_missing_column_is_named_with_the_option_that_mends_it(tmp_path: Path) -> None:
    error = refusal(write_csv(tmp_path, "a.csv", "ts,price", ["1700000000,1"]))
    assert (error.row, error.what) == (1, "no column for size of a trade among ts, price")
    assert error.mend == "name it, as in --columns size=NAME"


def test_a_missing_column_of_bars(tmp_path: Path) -> None:
    rows = [row.rsplit(",", 1)[0] for row in bar_rows(3)]
    assert (
        "no column for volume of a bar" in refusal(write_csv(tmp_path, "a.csv", BAR_HEADER[:-7], rows)).what
    )


def test_a_book_without_a_snapshot_says_what_is_missing(tmp_path: Path) -> None:
    header = "timestamp,update_type,side,price,qty,last_update_id"
    error = refusal(write_csv(tmp_path, "a.csv", header, ["1700000000,set,bid,1,2,7"]))
    assert (error.row, error.what) == (2, "none of 1 rows is usable, this one for no_book")
    assert error.mend == "give the file with the snapshot too"


def test_a_book_without_sides(tmp_path: Path) -> None:
    error = refusal(write_csv(tmp_path, "a.csv", "ts,update_type,price,qty", ["1700000000,set,1,2"]))
    assert (error.row, error.what) == (1, "no column for side of a book among ts, update_type, price, qty")


def test_two_books_of_one_instrument_at_the_same_time(tmp_path: Path) -> None:
    header = "timestamp,update_type,side,price,qty,symbol"
    rows = ["1700000000,snap,bid,1,2,BTCUSDT", "1700000005,set,bid,2,2,BTCUSDT"]
    first, second = (write_csv(tmp_path, name, header, rows) for name in ("a.csv", "b.csv"))
    with pytest.raises(
        FileError, match=r"b\.csv: updates of the same time as those in .*a\.csv; give one book"
    ):
        open_files(first, second)


@pytest.mark.parametrize("content", [b'{"topic": "x"}\n', b"{\n", b'{"data": 1}\n[]\n'])
def test_lines_that_are_no_book_messages(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    error = refusal(tmp_path / "a.jsonl")
    assert (error.row, error.what) == (1, "no book message in its lines")


def test_archives_that_cannot_be_used(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "ts,price,size\n")
        archive.writestr("b.csv", "ts,price,size\n")
    assert refusal(tmp_path / "two.zip").what == "an archive of 2 files"
    with ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("a.csv", "\n".join(["ts,price,size", *trade_rows(50)]))
    whole = (tmp_path / "one.zip").read_bytes()
    (tmp_path / "one.zip").write_bytes(whole[:-40])
    assert "damaged archive" in refusal(tmp_path / "one.zip").what


def test_columns_that_mean_nothing(tmp_path: Path) -> None:
    assert (
        "neither bars, trades, quotes nor a book"
        in refusal(write_csv(tmp_path, "a.csv", "foo,bar", ["1,2"])).what
    )


def test_a_mapped_column_that_the_file_does_not_have(tmp_path: Path) -> None:
    assert "no column 'when' for ts" in refusal(trades_file(tmp_path), columns={"ts": "when"}).what


def test_a_mapping_of_an_unknown_meaning(tmp_path: Path) -> None:
    assert "no meaning is called 'prise'" in refusal(trades_file(tmp_path), columns={"prise": "price"}).what


def test_no_header_line(tmp_path: Path) -> None:
    assert (
        "no header line"
        in refusal(write_csv(tmp_path, "a.csv", "1700000000,100.5,1", ["1700000001,100,1"])).what
    )


@pytest.mark.parametrize("count", [2, 5, 400])
def test_rows_with_the_newest_first(tmp_path: Path, count: int) -> None:
    rows = trade_rows(count)[::-1]
    error = refusal(write_csv(tmp_path, "a.csv", "ts,id,price,size", rows))
    assert "times go back" in error.what
    assert error.row == 3
    assert "sort" in error.mend


def test_rows_in_no_order_at_all(tmp_path: Path) -> None:
    rows = trade_rows(400)
    rows = rows[200:] + rows[:200]
    error = refusal(write_csv(tmp_path, "a.csv", "ts,id,price,size", rows))
    assert (error.row, "out of order" in error.what) == (202, True)


def test_mixed_time_units_name_the_row_where_they_change(tmp_path: Path) -> None:
    rows = [f"{1_700_000_000 + at},1,1" for at in range(20)]
    rows[7] = "1700000007000,1,1"
    error = refusal(write_csv(tmp_path, "a.csv", "ts,price,size", rows))
    assert (error.row, error.what) == (9, "mixed time units: ms here, s in row 2")


def test_a_unit_that_the_times_do_not_have(tmp_path: Path) -> None:
    assert (
        "look like s, not ms"
        in refusal(write_csv(tmp_path, "a.csv", "ts,price,size", ["1700000000,1,1"]), format="ms").what
    )


def test_times_that_cannot_be_read(tmp_path: Path) -> None:
    rows = [f"noon on day {at},1,1" for at in range(5)]
    error = refusal(write_csv(tmp_path, "a.csv", "ts,price,size", rows))
    assert (error.row, error.what) == (2, "5 of 5 times cannot be read")
    assert "--format" in error.mend


def test_gzip_that_breaks_off_tells_the_row(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    whole = gzip.compress(("ts,price,size\n" + "\n".join(trade_rows(5000))).encode())
    file.write_bytes(whole[: len(whole) // 2])
    error = refusal(file)
    assert "cut off" in error.what
    assert error.row is not None
    assert 100 < error.row < 5000


def test_gzip_that_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    whole = bytearray(gzip.compress("\n".join(trade_rows(5000)).encode()))
    whole[len(whole) // 2 : len(whole) // 2 + 20] = b"\xff" * 20
    file.write_bytes(bytes(whole))
    assert "damaged gzip" in refusal(file).what


def test_gzip_in_name_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_text("ts,price,size\n1700000000,1,1\n")
    assert "not gzip" in refusal(tmp_path / "a.csv.gz").what


def test_parquet_that_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pl.DataFrame({"ts": [1_700_000_000], "price": [1.0], "size": [1.0]}).write_parquet(file)
    file.write_bytes(file.read_bytes()[:-20])
    assert "Parquet" in refusal(file).what


def test_bytes_that_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x89PNG\r\n\0\0\0")
    assert "neither text nor Parquet" in refusal(tmp_path / "a.bin").what


def test_no_usable_row_says_why_the_first_is_not(tmp_path: Path) -> None:
    rows = [f"{1_700_000_000 + at},-1,1" for at in range(3)]
    error = refusal(write_csv(tmp_path, "a.csv", "ts,price,size", rows))
    assert (error.row, error.what) == (2, "none of 3 rows is usable, this one for price_not_positive")


def test_trades_of_two_instruments_without_a_symbol_column(tmp_path: Path) -> None:
    rows = [f"{1_700_000_000 + at},{100 if at // 2 % 2 else 30_000},1" for at in range(40)]
    assert "several instruments" in refusal(write_csv(tmp_path, "a.csv", "ts,price,size", rows)).what


def test_bars_of_two_instruments_without_a_symbol_column(tmp_path: Path) -> None:
    rows = [row for row in bar_rows(20) for row in (row, row.replace(",1", ",2"))]
    assert "several instruments" in refusal(write_csv(tmp_path, "a.csv", BAR_HEADER, rows)).what


def test_one_bar_does_not_tell_its_length_unless_its_file_does(tmp_path: Path) -> None:
    assert "length" in refusal(bars_file(tmp_path, 1, "btc-usdt.csv")).what
    assert open_files(bars_file(tmp_path, 1, "btc-usdt-1m.csv"))[0].bar_interval == 60 * 10**9
    assert open_files(bars_file(tmp_path, 1, "eth.csv"), bar_interval="5m")[0].bar_interval == 300 * 10**9
