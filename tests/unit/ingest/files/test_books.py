import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock_contracts.market import BookAction, BookBatch, Gap
from penstock_kernel.book import OrderBook
from support.ingest import BEGIN, open_files, rows_in, write_csv

HEADER = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu"
MS = BEGIN // 10**6
SNAPSHOT = [
    f"BTCUSDT,{MS},10,10,b,snap,100.0,1.5,-1",
    f"BTCUSDT,{MS},10,10,b,snap,99.5,2,-1",
    f"BTCUSDT,{MS},10,10,a,snap,100.5,3,-1",
]
UPDATES = [
    f"BTCUSDT,{MS + 10},11,12,b,set,100.0,0,10",
    f"BTCUSDT,{MS + 10},11,12,a,set,100.2,4,10",
    f"BTCUSDT,{MS + 20},13,13,b,set,99.9,1,12",
    f"BTCUSDT,{MS + 30},14,15,a,set,100.2,0,13",
]


def read(*files: Path, **how: object) -> tuple[list[BookBatch], list[Gap], dict[str, int]]:
    feeds = open_files(*files, **how)
    messages = [each for feed in feeds for each in feed.read_until(2**62)]
    books = [each for each in messages if isinstance(each, BookBatch)]
    gaps = [each for each in messages if isinstance(each, Gap)]
    bad = feeds[-1].quarantined
    return books, gaps, dict(bad)


def tops(batches: list[BookBatch]) -> list[tuple[int, int]]:
    """Best bid and ask after each update."""
    book, seen = OrderBook(), []
    for batch in batches:
        for row in range(len(batch.price)):
            book.apply(batch, row, row + 1)
            if book.whole:
                seen.append((book.bids.best, book.asks.best))
    return seen


def test_snapshot_and_updates_of_a_file_make_the_book(tmp_path: Path) -> None:
    books, gaps, bad = read(write_csv(tmp_path, "a.csv", HEADER, [*SNAPSHOT, *UPDATES]))
    (batch,) = books
    assert (gaps, bad) == ([], {})
    assert (batch.instrument, batch.price_scale, batch.size_scale) == ("btcusdt.replay", 1, 1)
    assert tops(books) == [(1000, 1005), (995, 1002), (999, 1002), (999, 1005)]
    assert batch.action.tolist() == [0, 1, 3, 1, 3, 3, 3]
    assert batch.last_update_id.tolist() == [10, 10, 10, 12, 12, 13, 15]


def test_snapshot_and_updates_in_two_files_are_one_book_in_either_order(tmp_path: Path) -> None:
    whole = read(write_csv(tmp_path, "a.csv", HEADER, [*SNAPSHOT, *UPDATES]))
    first = write_csv(tmp_path, "b.csv", HEADER, SNAPSHOT)
    second = write_csv(tmp_path, "c.csv", HEADER, UPDATES)
    for files in ((first, second), (second, first)):
        books, gaps, bad = read(*files)
        assert (gaps, bad) == ([], {})
        assert [row[2:] for row in rows_in(books)] == [row[2:] for row in rows_in(whole[0])]


def test_a_quarantined_row_of_two_files_names_its_own(tmp_path: Path) -> None:
    first = write_csv(tmp_path, "b.csv", HEADER, SNAPSHOT)
    second = write_csv(tmp_path, "c.csv", HEADER, UPDATES[2:])
    _, feed = open_files(first, second)
    feed.read_until(2**62)
    row = feed.take_quarantined()[0]
    assert (row.row, row.text[:14]) == (2, "c.csv: BTCUSDT")


def test_a_hole_gives_a_gap_and_nothing_until_the_next_snapshot(tmp_path: Path) -> None:
    again = [row.replace(str(MS), str(MS + 40)).replace(",10,10,", ",20,20,") for row in SNAPSHOT]
    last = f"BTCUSDT,{MS + 50},21,21,a,set,100.4,1,20"
    rows = [*SNAPSHOT, *UPDATES[:2], UPDATES[3], *again, last]
    books, (gap,), bad = read(write_csv(tmp_path, "a.csv", HEADER, rows))
    assert (gap.ts_init, gap.ts_from, gap.ts_to) == ((MS + 30) * 10**6, (MS + 10) * 10**6, (MS + 30) * 10**6)
    assert (gap.book, gap.reason) == (True, "update 14 does not follow 12")
    assert bad == {"update_missing": 1}
    assert tops(books) == [(1000, 1005), (995, 1002), (1000, 1005), (1000, 1004)]


def test_the_gap_comes_before_what_is_delivered_at_the_same_time(tmp_path: Path) -> None:
    at_once = [row.replace(str(MS), str(MS + 30)).replace(",10,10,", ",20,20,") for row in SNAPSHOT]
    feeds = open_files(write_csv(tmp_path, "a.csv", HEADER, [*SNAPSHOT, *UPDATES[:2], UPDATES[3], *at_once]))
    assert [type(feed.read_until(2**62)[0]) for feed in feeds] == [Gap, BookBatch]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"BTCUSDT,{MS + 20},13,13,b,set,nan,1,12", "not_a_number"),
        (f"BTCUSDT,{MS + 20},13,13,b,set,99,-1,12", "size_not_positive"),
        (f"BTCUSDT,{MS + 20},13,13,b,set,0,1,12", "price_not_positive"),
        (f"BTCUSDT,{MS + 20},13,13,x,set,99,1,12", "side"),
        (f"BTCUSDT,{MS + 20},13,13,,set,99,1,12", "side"),
        (f"BTCUSDT,{MS + 20},13,13,b,what,99,1,12", "update_type"),
        (f"BTCUSDT,{MS + 20},13,13,b,set,200,1,12", "crossed"),
        ("BTCUSDT,never,13,13,b,set,99,1,12", "time"),
        (f"BTCUSDT,{MS + 5},13,13,b,set,99,1,12", "time_back"),
    ],
)
def test_a_bad_update_loses_the_book(tmp_path: Path, row: str, reason: str) -> None:
    rows = [*SNAPSHOT, *UPDATES[:2], row, UPDATES[3]]
    books, gaps, bad = read(write_csv(tmp_path, "a.csv", HEADER, rows))
    assert bad == {reason: 1, "no_book": 1}
    assert len(gaps) == 1
    assert tops(books) == [(1000, 1005), (995, 1002)]


def test_the_good_rows_of_a_bad_update_are_left_out_with_it(tmp_path: Path) -> None:
    rows = [*SNAPSHOT, UPDATES[0], UPDATES[1].replace("100.2", "inf")]
    books, gaps, bad = read(write_csv(tmp_path, "a.csv", HEADER, rows))
    assert bad == {"infinite": 1, "update_incomplete": 1}
    assert len(gaps) == 1
    assert tops(books) == [(1000, 1005)]


def message(kind: str, number: int, bids: list[list[str]], asks: list[list[str]]) -> str:
    data = {"s": "XRPUSDT", "b": bids, "a": asks, "u": number, "seq": 7 * number}
    return json.dumps(
        {"topic": "book", "type": kind, "ts": MS + number, "data": data, "cts": MS + number - 1}
    )


LINES = [
    message("snapshot", 1, [["1.5", "10"], ["1.4", "3"]], [["1.6", "5"]]),
    message("delta", 2, [["1.5", "0"]], []),
    message("delta", 3, [], []),
    message("delta", 4, [], [["1.55", "2"]]),
]


def test_json_lines_are_read_with_both_times(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(LINES))
    ((batch,), gaps, bad) = read(tmp_path / "a.jsonl")
    assert (gaps, bad, batch.instrument) == ([], {}, "xrpusdt.replay")
    assert tops([batch]) == [(150, 160), (140, 160), (140, 160), (140, 155)]
    assert (batch.ts_init - batch.ts_event == 10**6).all()
    assert batch.last_update_id.tolist() == [1, 1, 1, 2, 3, 4]


def test_a_broken_line_is_quarantined_with_its_number_and_loses_the_book(tmp_path: Path) -> None:
    lines = [*LINES[:2], LINES[2][:40], LINES[3]]
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.data", "\n".join(lines))
    gaps, book = open_files(tmp_path / "a.zip")
    book.read_until(2**62)
    assert len(gaps.read_until(2**62)) == 1
    assert dict(book.quarantined) == {"columns": 1, "no_book": 1}
    assert [(row.row, row.reason) for row in book.take_quarantined()] == [
        (3, "columns"),
        (4, "no_book"),
    ]


LEVEL = st.tuples(st.sampled_from("ba"), st.integers(1, 30), st.integers(0, 3))


@given(
    st.lists(st.lists(LEVEL, min_size=1, max_size=4), min_size=1, max_size=12),
    st.sets(st.integers(0, 11)),
    st.integers(1, 7),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_what_is_delivered_is_a_true_book_whatever_is_missing(
    tmp_path: Path, changes: list[list[tuple[str, int, int]]], missing: set[int], batch_rows: int
) -> None:
    def price(side: str, place: int) -> str:
        return f"{100 - place if side == 'b' else 100 + place}"

    true = {10: {("b", "100"): 1}}
    rows = [f"BTCUSDT,{MS},10,10,b,snap,100,1,-1"]
    for at, levels in enumerate(changes):
        number = 11 + at
        book = dict(true[number - 1])
        for side, place, size in levels:
            book[side, price(side, place)] = size
            if at not in missing:
                rows.append(f"BTCUSDT,{MS + at},{number},{number},{side},set,{price(side, place)},{size},-1")
        true[number] = {key: size for key, size in book.items() if size}
    batches, gaps, _ = read(write_csv(tmp_path, "a.csv", HEADER, rows), batch_rows=batch_rows)
    book = OrderBook()
    for batch in batches:
        for row in range(len(batch.price)):
            book.apply(batch, row, row + 1)
            if batch.action[row] & BookAction.LAST:
                held = {("b", str(price)): size for price, size in book.bids.levels()}
                held |= {("a", str(price)): size for price, size in book.asks.levels()}
                assert held == true[int(batch.last_update_id[row])]
    delivered = int(batches[-1].last_update_id[-1])
    holes = [number for number in range(11, 11 + len(changes)) if number - 11 in missing]
    assert delivered == min(holes, default=11 + len(changes)) - 1
    assert len(gaps) == bool(
        [number for number in range(delivered + 1, 11 + len(changes)) if number not in holes]
    )


def test_a_gap_feed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    again = [row.replace(str(MS), str(MS + 40)).replace(",10,10,", ",20,20,") for row in SNAPSHOT]
    last = f"BTCUSDT,{MS + 50},25,25,a,set,100.4,1,22"
    file = write_csv(tmp_path, "a.csv", HEADER, [*SNAPSHOT, UPDATES[3], *again, last])
    gaps, _ = open_files(file)
    whole = gaps.read_until(2**62)
    assert len(whole) == 2
    other, _ = open_files(file)
    other.seek(1)
    assert other.read_until(2**62) == whole[1:]
    assert np.all(np.diff([each.ts_init for each in whole]) > 0)
    with pytest.raises(ValueError, match="no place 3"):
        other.seek(3)
