from pathlib import Path
from typing import Any

import pytest
from penstock_contracts.base import Message, type_of
from penstock_contracts.codec import encode
from penstock_contracts.market import Mark
from penstock_contracts.subjects import key_of, subject
from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig
from penstock_ingest.errors import FileError, SourceError
from penstock_ingest.recording import KINDS, RecordingEnd, RecordingHeader, recording_feeds, write_recording
from penstock_ingest.sources import choose_grid, open_sources, session_start
from penstock_kernel.session import SessionConfig
from penstock_research.chained import run_chained
from support.cli import resolved, write_bars
from support.ingest import BEGIN, SECOND, rows_in, trades_file, write_csv

Interval = tuple[list[Message], Mark]


def recorded(document: dict[str, Any], file: Path) -> list[Interval]:
    """Record what ingest releases under a document; returns it."""
    schedule = build_schedule(
        IngestConfig.model_validate(document["ingest"]), SessionConfig.model_validate(document["session"])
    )
    intervals: list[Interval] = []
    while not (intervals and intervals[-1][1].ended):
        intervals.append(schedule.next_interval())
    write(file, schedule.grid, intervals)
    return intervals


def write(file: Path, grid: int, intervals: list[Interval]) -> None:
    first, running = intervals[0][1], [mark for _, mark in intervals if not mark.ended]
    header = RecordingHeader(
        session="s", grid=grid, start=first.start, end=running[-1].ts, feeds=tuple(first.positions)
    )
    bodies = []
    for messages, _ in intervals:
        for message in messages:
            entry = type_of(message, "md")
            assert entry.kind in KINDS
            bodies.append((subject(0, "md", 1, entry.kind, key_of(message)), encode(message)))
    write_recording(file, header, bodies)


def replayed(file: Path) -> list[Interval]:
    document = resolved(f"recording:{file}").document
    schedule = build_schedule(
        IngestConfig.model_validate(document["ingest"]), SessionConfig.model_validate(document["session"])
    )
    intervals: list[Interval] = []
    while not (intervals and intervals[-1][1].ended):
        intervals.append(schedule.next_interval())
    return intervals


def told(intervals: list[Interval]) -> list[tuple[int, int, bool, list[tuple[object, ...]]]]:
    return [(mark.start, mark.ts, mark.ended, rows_in(messages)) for messages, mark in intervals]


BOOK = [
    f"BTCUSDT,{BEGIN + SECOND // 3},snap,b,99,5,10,",
    f"BTCUSDT,{BEGIN + SECOND // 3},snap,a,101,5,10,",
    f"BTCUSDT,{BEGIN + SECOND},set,b,100,1,11,10",
    f"BTCUSDT,{BEGIN + 3 * SECOND},set,b,100,0,13,12",
    f"BTCUSDT,{BEGIN + 5 * SECOND},snap,b,99.5,5,20,",
    f"BTCUSDT,{BEGIN + 5 * SECOND},snap,a,101,5,20,",
]


def files_of_all_kinds(folder: Path) -> list[Path]:
    book = write_csv(folder, "b.csv", "symbol,ts,update_type,side,price,qty,last_update_id,pu", BOOK)
    quotes = write_csv(
        folder, "q.csv", "symbol,ts,bid,ask", [f"BTCUSDT,{BEGIN + at * SECOND},99,101" for at in range(6)]
    )
    rows = [f"BTCUSDT,{BEGIN + at * SECOND},100.{at},1,t{at}" for at in range(6)]
    trades = write_csv(folder, "t.csv", "symbol,ts,price,size,id", rows)
    return [trades, book, quotes]


def test_the_same_rows_come_at_the_same_times_in_the_same_order(tmp_path: Path) -> None:
    sources = [f"replay:{each}" for each in files_of_all_kinds(tmp_path)]
    document = resolved(sources[0], f"ingest.sources={sources}").document
    intervals = recorded(document, tmp_path / "r")
    assert len({type(each) for messages, _ in intervals for each in messages}) == 5
    assert told(replayed(tmp_path / "r")) == told(intervals)


def test_a_recording_ends_where_its_session_did_not_with_its_last_row(tmp_path: Path) -> None:
    document = resolved(f"replay:{trades_file(tmp_path, 40)}", "ingest.duration=3m").document
    document["ingest"]["duration"] = 4 * SECOND + SECOND // 2
    intervals = recorded(document, tmp_path / "r")
    again = replayed(tmp_path / "r")
    assert told(again) == told(intervals)
    assert again[-1][1].ts - again[0][1].start > 4 * SECOND


@pytest.mark.parametrize("runs", [True, False])
def test_a_recorded_session_gives_the_same_fills(tmp_path: Path, runs: bool) -> None:
    document = resolved(f"replay:{write_bars(tmp_path / 'btc-perp-1m.csv')}").document
    first = run_chained(document, runs=runs)
    recorded(document, tmp_path / "r")
    second = run_chained(resolved(f"recording:{tmp_path / 'r'}").document, runs=runs)
    assert first.fills
    assert second.fills_hash == first.fills_hash


def test_a_recorded_synthetic_market_gives_the_same_fills(tmp_path: Path) -> None:
    settings = ("ingest.duration=40s", "ingest.synthetic.malformed=30")
    document = resolved("synthetic:7", *settings).document
    first = run_chained(document, runs=False)
    recorded(document, tmp_path / "r")
    second = run_chained(resolved(f"recording:{tmp_path / 'r'}").document, runs=False)
    assert first.fills
    assert second.fills_hash == first.fills_hash


def test_a_feed_of_a_recording_goes_on_where_it_stopped(tmp_path: Path) -> None:
    recorded(resolved(f"replay:{trades_file(tmp_path, 40)}").document, tmp_path / "r")
    feed = recording_feeds(tmp_path / "r", 7)[0]
    whole = rows_in(feed.read_until(2**62))
    other = recording_feeds(tmp_path / "r", 7)[0]
    other.seek(13)
    other.skip(4)
    assert rows_in(other.read_until(2**62)) == whole[17:]


def test_grid_and_start_are_the_recorded_sessions(tmp_path: Path) -> None:
    header = RecordingHeader(session="s", grid=7 * SECOND, start=7 * SECOND, end=21 * SECOND, feeds=("f",))
    feed = open_sources(IngestConfig(sources=(f"replay:{trades_file(tmp_path)}",)))[0]
    feeds = [feed, RecordingEnd(header, feed.instrument)]
    assert choose_grid(feeds) == 7 * SECOND
    assert choose_grid(feeds, realtime=True) == SECOND // 10
    assert session_start(feeds, 7 * SECOND) == 7 * SECOND


def test_a_recording_is_a_source_alone(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="alone"):
        open_sources(IngestConfig(sources=(f"recording:{tmp_path}", "synthetic")))


def test_what_is_no_recording_is_refused_with_its_name(tmp_path: Path) -> None:
    recorded(resolved(f"replay:{trades_file(tmp_path, 40)}").document, tmp_path / "r")
    whole = (tmp_path / "r").read_bytes()
    header, _, rest = whole.partition(b"\n")
    for content, what in (
        (b"", "not a recording"),
        (b"{}\n" + rest, "not a recording"),
        (header + b"\n", "no instrument in it"),
        (whole[:-1], "is not readable (cut off)"),
        (whole + b"\x01", "is not readable"),
        (header.replace(b"btc-usdt-trades", b"other") + b"\n" + rest, "of no feed"),
    ):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(FileError) as caught:
            recording_feeds(tmp_path / "bad", 4096)
        assert what in str(caught.value)
    with pytest.raises(FileError, match=r"cannot be read"):
        recording_feeds(tmp_path / "none", 4096)
