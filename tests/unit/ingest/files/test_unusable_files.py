import gzip
from pathlib import Path

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


def test_quotes_are_said_to_be_quotes(tmp_path: Path) -> None:
    assert "quotes" in refusal(write_csv(tmp_path, "a.csv", "timestamp,bid,ask", ["1700000000,1,2"])).what


def test_columns_that_mean_nothing(tmp_path: Path) -> None:
    assert "neither bars nor trades" in refusal(write_csv(tmp_path, "a.csv", "foo,bar", ["1,2"])).what


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
