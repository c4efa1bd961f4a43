"""Whatever is in a file: it is read, or refused in one line. No other error, and no hang."""

import gzip
import io
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock_ingest.config import IngestConfig
from penstock_ingest.errors import IngestError
from penstock_ingest.feed import Feed
from penstock_ingest.recording import RecordingHeader, write_recording
from penstock_ingest.sources import open_sources
from support.ingest import BAR_HEADER, BEGIN, bar_rows, trade_rows

MS = BEGIN // 10**6
BOOK = [
    "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu",
    *(f"BTCUSDT,{MS},10,10,{side},snap,{price},1.5,-1" for side, price in (("b", 100), ("a", 101))),
    *(f"BTCUSDT,{MS + at},{10 + at},{10 + at},b,set,99.{at},1,{9 + at}" for at in range(1, 9)),
]
LINES = [
    f'{{"type":"snapshot","ts":{MS},"cts":{MS},"data":{{"s":"X","b":[["1","2"]],"a":[["3","4"]],"u":1}}}}',
    *(
        f'{{"type":"delta","ts":{MS + at},"data":{{"s":"X","b":[["1","{at}"]],"a":[],"u":{1 + at}}}}}'
        for at in range(1, 9)
    ),
]
QUOTES = ["timestamp,bid,ask,bid_size,ask_size", *(f"{MS + at},99,10{at},1,2" for at in range(9))]
FUNDING = ["ts,funding_rate", *(f"{MS + at},0.000{at}" for at in range(9))]


def text(rows: list[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr("a.csv", data)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pl.read_csv(text(["ts,id,price,size", *trade_rows(20)])).write_parquet(out)
    return out.getvalue()


FILES = {
    "trades.csv": text(["ts,id,price,size", *trade_rows(20)]),
    "bars.csv": text([BAR_HEADER, *bar_rows(20)]),
    "book.csv": text(BOOK),
    "quotes.csv": text(QUOTES),
    "funding.csv": text(FUNDING),
    "lines.jsonl": text(LINES),
    "trades.csv.gz": gzip.compress(text(["ts,id,price,size", *trade_rows(20)])),
    "book.zip": zipped(text(LINES)),
    "trades.parquet": parquet(),
}
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(
                [b",", b"\n", b"-", b"nan", b"1e999", b'"', b"\0", b"{", b"}", b"[", b"null", b"9" * 25]
            ),
        ),
    ),
    min_size=1,
    max_size=5,
)


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, removed, added in edits:
        at = int(where * len(data))
        data = data[:at] + added + data[at + removed :]
    return data


def read(file: Path) -> None:
    """Read to the end; a refusal is one line."""
    for feed in opened(f"replay:{file}"):
        feed.read_until(2**62)
        assert len(feed.take_quarantined()) <= feed.quarantined.total()


def opened(source: str) -> list[Feed]:
    """The feeds of a source; none when it is refused."""
    refusal = ""
    feeds: list[Feed] = []
    try:
        feeds = open_sources(IngestConfig(sources=(source,)))
    except IngestError as error:
        refusal = str(error)
    assert "\n" not in refusal
    return feeds


@pytest.mark.parametrize("name", sorted(FILES))
@given(edits=EDITS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_damaged_file_is_read_or_refused(
    tmp_path: Path, name: str, edits: list[tuple[float, int, bytes]]
) -> None:
    file = tmp_path / name
    file.write_bytes(edited(FILES[name], edits))
    read(file)


@given(data=st.binary(max_size=300), name=st.sampled_from(sorted(FILES)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    read(file)


@given(edits=EDITS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_damaged_recording_is_read_or_refused(
    tmp_path: Path, edits: list[tuple[float, int, bytes]]
) -> None:
    file = tmp_path / "r"
    header = RecordingHeader(session="s", grid=10**8, start=0, end=10**9, feeds=("f",))
    write_recording(file, header, [("p0.md.v1.gap._._", b'{"instrument":null,"source":"f"}')] * 3)
    file.write_bytes(edited(file.read_bytes(), edits))
    opened(f"recording:{file}")
