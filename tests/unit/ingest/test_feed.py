from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.codec import MESSAGE_BYTES_MAX, encode
from penstock_ingest.config import IngestConfig
from penstock_ingest.feed import Feed
from penstock_ingest.sources import open_sources
from support.ingest import BEGIN, SECOND, bars_file, everything, open_files, rows_in, trades_file

STEPS = st.lists(st.integers(0, 4 * SECOND), max_size=12)


@pytest.fixture(scope="module", params=["trades", "bars", "synthetic"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[IngestConfig, int, int]:
    """A configuration of one feed with quarantined rows, its begin, and how much longer its steps are."""
    folder = tmp_path_factory.mktemp("feeds")
    if request.param == "synthetic":
        settings = {"symbols": {"btc-usdt": 60000}, "malformed": 30, "rate": 8, "start": BEGIN}
        return (
            IngestConfig.model_validate({"sources": ("synthetic",), "synthetic": settings, "batch_rows": 7}),
            BEGIN,
            4,
        )
    if request.param == "trades":
        bad = {f"r{at}": f"{BEGIN},{at},0,1" for at in (0, 1, 7, 8, 20, 39)}
        file = trades_file(folder, 40, "btc-usdt.csv", **bad)
        return IngestConfig(sources=(f"replay:{file}",), batch_rows=7), BEGIN, 1
    file = bars_file(folder, 40, r0="1,1,1,1,NaN,1", r9="1,1,1,1,NaN,1", r39=",1,1,1,1,1")
    return IngestConfig(sources=(f"replay:{file}",), batch_rows=7), BEGIN, 60


def fresh(opened: tuple[IngestConfig, int, int]) -> Feed:
    return open_sources(opened[0])[0]


@settings(max_examples=40)
@given(steps=STEPS)
def test_any_steps_give_the_same_rows(opened: tuple[IngestConfig, int, int], steps: list[int]) -> None:
    _, now, scale = opened
    stepped, whole = fresh(opened), fresh(opened)
    rows = []
    for step in steps:
        now += step * scale
        rows += rows_in(stepped.read_until(now))

    assert rows == everything(whole, now)
    assert (stepped.position, stepped.released) == (whole.position, whole.released)
    assert stepped.quarantined == whole.quarantined
    assert stepped.next_time() == whole.next_time()


@settings(max_examples=25)
@given(before=STEPS, skipped=st.integers(0, 3))
def test_resumed_at_any_position_it_continues_identically(
    opened: tuple[IngestConfig, int, int], before: list[int], skipped: int
) -> None:
    _, now, scale = opened
    first, second = fresh(opened), fresh(opened)
    second.read_until(now + 20 * SECOND * scale)  # where it stood before does not matter
    now += sum(before) * scale
    first.read_until(now)

    second.seek(first.position)
    assert (second.position, second.released, second.quarantined) == (
        first.position,
        first.released,
        first.quarantined,
    )
    if first.last_time() is None or first.released + skipped <= 34:
        first.skip(skipped)
        second.skip(skipped)
    later = now + 50 * SECOND * scale
    assert everything(second, later) == everything(first, later)
    assert second.quarantined == first.quarantined


def test_big_batches_hold_the_same_rows(opened: tuple[IngestConfig, int, int]) -> None:
    _, begin, scale = opened
    until = begin + 100 * SECOND * scale
    small = fresh(opened).read_until(until)
    big = list(fresh(opened).columns(until))
    assert rows_in(big) == rows_in(small)
    assert len(big) < len(small)


def test_batches_stay_below_rows_and_bytes(tmp_path: Path) -> None:
    file = trades_file(tmp_path, 20_000)
    for rows, most in ((500, 500), (100_000, 20_000)):
        messages = open_files(file, batch_rows=rows)[0].read_until(2**62)
        assert max(len(each.ts_init) for each in messages) <= most
        assert all(len(encode(each)) <= MESSAGE_BYTES_MAX for each in messages)
        assert sum(len(each.ts_init) for each in messages) == 20_000


def test_quarantined_rows_pass_with_the_good_row_before_them(tmp_path: Path) -> None:
    (feed,) = open_files(trades_file(tmp_path, 10, r0=f"{BEGIN},1,0,1", r3=f"{BEGIN},4,-1,1", r9=",10,1,1"))

    assert (feed.position, feed.quarantined.total()) == (0, 0)
    feed.read_until(BEGIN + SECOND // 4)
    assert (feed.position, feed.released, feed.quarantined.total()) == (2, 1, 1)
    assert [row.row for row in feed.take_quarantined()] == [2]
    feed.read_until(BEGIN + SECOND // 2)
    assert (feed.position, feed.quarantined.total()) == (4, 2)
    feed.read_until(2**62)
    assert (feed.position, feed.released, feed.quarantined.total()) == (10, 7, 3)
    assert [row.row for row in feed.take_quarantined()] == [5, 11]
    assert feed.take_quarantined() == []


def test_samples_are_bounded_but_all_are_counted(tmp_path: Path) -> None:
    bad = {f"r{at}": f"{BEGIN},{at},0,1" for at in range(500, 800)}
    (feed,) = open_files(trades_file(tmp_path, 1000, **bad))
    feed.read_until(2**62)
    assert feed.quarantined == {"price_not_positive": 300}
    assert len(feed.take_quarantined()) == 100


def test_a_place_that_was_never_reported_is_refused(tmp_path: Path) -> None:
    (feed,) = open_files(trades_file(tmp_path, 10, r3=f"{BEGIN},4,-1,1"))
    with pytest.raises(ValueError, match="no place 11"):
        feed.seek(11)
    with pytest.raises(ValueError, match="no place 3"):
        feed.seek(3)  # the fourth row is passed with the third


def test_rows_cannot_be_skipped_backwards_or_beyond_the_end(tmp_path: Path) -> None:
    (feed,) = open_files(trades_file(tmp_path, 10))
    for rows in (-1, 11):
        with pytest.raises(ValueError, match="rows"):
            feed.skip(rows)
