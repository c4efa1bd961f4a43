from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.base import Message
from penstock_contracts.control import Command
from penstock_contracts.market import InstrumentDefined, Mark
from penstock_contracts.types import NEVER
from penstock_ingest.config import IngestConfig
from penstock_ingest.schedule import Schedule
from penstock_ingest.sources import choose_grid, open_sources, session_start
from support.ingest import BEGIN, SECOND, bars_file, open_files, rows_in, trades_file, write_csv

GRID = SECOND // 10


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> IngestConfig:
    """Two files of one instrument that overlap, one of another, and an invented market."""
    folder = tmp_path_factory.mktemp("schedule")
    one = trades_file(folder, 40, "btc-usdt-1.csv", r7=f"{BEGIN},7,0,1")
    two = write_csv(
        folder, "btc-usdt-2.csv", "ts,price,size", [f"{BEGIN + at * SECOND},101,5" for at in range(15)]
    )
    other = trades_file(folder, 30, "ada-usdt.csv")
    sources = (f"replay:{one}", "synthetic:3", f"replay:{other}", f"replay:{two}")
    market = {"symbols": {"btc-usdt": 60000, "eth-btc": "0.05"}, "start": BEGIN, "malformed": 9}
    return IngestConfig.model_validate({"sources": sources, "synthetic": market, "batch_rows": 11})


def schedule_of(config: IngestConfig, duration: int | None = None) -> Schedule:
    feeds = open_sources(config)
    return Schedule(feeds, GRID, session_start(feeds, GRID), duration)


def intervals(schedule: Schedule, count: int) -> list[tuple[list[Message], Mark]]:
    return [schedule.next_interval() for _ in range(count)]


def test_the_first_interval_begins_with_every_instrument_once(config: IngestConfig) -> None:
    schedule = schedule_of(config)
    messages, mark = schedule.next_interval()
    defined = [each for each in messages if isinstance(each, InstrumentDefined)]
    keys = ["ada-usdt.replay", "btc-usdt.replay", "btc-usdt.synthetic", "eth-btc.synthetic"]
    assert [each.instrument.instrument for each in defined] == keys
    assert messages[: len(defined)] == defined
    assert all(mark.start < each.ts_init <= mark.ts for each in defined)
    assert not any(isinstance(each, InstrumentDefined) for each in schedule.next_interval()[0])


def test_rows_lie_in_their_interval_instrument_by_instrument_in_time_order(config: IngestConfig) -> None:
    schedule = schedule_of(config)
    marks = [schedule.start]
    for messages, mark in intervals(schedule, 120):
        assert mark.start == marks[-1]
        marks.append(mark.ts)
        rows = [row for row in rows_in(messages) if row[0] != "InstrumentDefined"]
        places = [(row[0], row[5]) for row in rows]
        assert places == sorted(places)
        assert all(mark.start < row[5] <= mark.ts for row in rows)
    assert marks[1] - marks[0] == GRID


def test_what_is_stamped_on_a_grid_point_closes_with_it(tmp_path: Path) -> None:
    feeds = open_files(trades_file(tmp_path, 10))
    schedule = Schedule(feeds, GRID, session_start(feeds, GRID))
    assert schedule.start == BEGIN - GRID
    messages, mark = schedule.next_interval()
    assert mark.ts == BEGIN
    assert len(rows_in(messages)) == 2


@settings(max_examples=30)
@given(steps=st.lists(st.integers(1, GRID), max_size=40))
def test_released_in_any_steps_the_intervals_hold_the_same(config: IngestConfig, steps: list[int]) -> None:
    stepped, whole = schedule_of(config), schedule_of(config)
    now = stepped.start
    found: list[Message] = []
    for step in steps:
        now += step
        while stepped.mark_ts <= now:
            found += stepped.release(stepped.mark_ts)
            expected, mark = whole.next_interval()
            assert stepped.close() == mark
            by_instrument = sorted(
                rows_in(found), key=lambda row: (row[0] != "InstrumentDefined", str(row[0]))
            )
            assert by_instrument == rows_in(expected)
            found = []
        found += stepped.release(now)


@settings(max_examples=30)
@given(before=st.integers(0, 60), inside=st.integers(0, GRID))
def test_resumed_after_a_mark_and_some_rows_it_continues_identically(
    config: IngestConfig, before: int, inside: int
) -> None:
    first, second = schedule_of(config), schedule_of(config)
    marks = [mark for _, mark in intervals(first, before)]
    released: dict[str, int] = {}
    for message in first.release(first.mark_ts - GRID + inside):
        if not isinstance(message, InstrumentDefined):
            released[message.source] = released.get(message.source, 0) + len(message.ts_init)

    second.resume(marks[-1] if marks else None, released)

    for number in range(5):
        (left, left_mark), (right, right_mark) = first.next_interval(), second.next_interval()
        assert left_mark == right_mark
        if number or released or marks:
            assert rows_in(left) == rows_in(right)


def test_a_mark_of_other_sources_is_refused(config: IngestConfig, tmp_path: Path) -> None:
    mark = schedule_of(config).next_interval()[1]
    feeds = open_files(trades_file(tmp_path))
    with pytest.raises(ValueError, match="other sources"):
        Schedule(feeds, GRID, session_start(feeds, GRID)).resume(mark, {})


def test_marks_count_rows_and_carry_commands(config: IngestConfig) -> None:
    schedule = schedule_of(config)
    command = Command(command_id="c", verb="halt", ts_issued=1, ts_expires=2, by="me")
    seen = 0
    for number in range(30):
        messages, mark = schedule.next_interval((command,) if number == 3 else ())
        seen += sum(row[0] not in ("InstrumentDefined", "Gap") for row in rows_in(messages))
        assert mark.events == seen
        assert mark.commands == ((command,) if number == 3 else ())
        assert sum(mark.positions.values()) == mark.events + mark.quarantined
    assert mark.quarantined >= 1


def test_the_marks_after_that_of_the_last_row_are_ended(tmp_path: Path) -> None:
    feeds = open_files(trades_file(tmp_path, 5))
    schedule = Schedule(feeds, GRID, session_start(feeds, GRID))
    assert schedule.planned_end == BEGIN + SECOND
    ended = [(mark.ended, bool(messages)) for messages, mark in intervals(schedule, 14)]
    assert ended == [(False, at in (0, 3, 5, 8, 10)) for at in range(11)] + [(True, False)] * 3
    assert schedule.end_reason == "end_of_data"


def test_a_duration_ends_at_its_time_not_at_the_last_row_before(tmp_path: Path) -> None:
    feeds = open_files(trades_file(tmp_path, 40))
    schedule = Schedule(feeds, GRID, session_start(feeds, GRID), SECOND)
    marks = [mark for _, mark in intervals(schedule, 12)]
    assert [mark.ended for mark in marks] == [False] * 10 + [True] * 2
    assert marks[9].ts == schedule.planned_end == schedule.start + SECOND
    assert (marks[-1].events, schedule.end_reason) == (4, "duration")


def test_after_the_end_nothing_is_released(config: IngestConfig) -> None:
    schedule = schedule_of(config)
    schedule.next_interval()
    schedule.end()
    messages, mark = schedule.next_interval()
    assert (messages, mark.ended, schedule.end_reason) == ([], True, "stopped")
    resumed = schedule_of(config)
    resumed.resume(mark, {})
    assert resumed.next_interval()[0] == []


def test_only_empty_intervals_are_skipped(tmp_path: Path) -> None:
    rows = [f"{BEGIN},1,1", f"{BEGIN + 60 * SECOND},1,1"]
    feeds = open_files(write_csv(tmp_path, "btc-usdt.csv", "ts,price,size", rows))
    schedule = Schedule(feeds, GRID, session_start(feeds, GRID))
    schedule.skip_to(NEVER)
    assert schedule.next_interval()[1].ts == BEGIN
    schedule.skip_to(BEGIN + 10 * SECOND + 1)
    messages, mark = schedule.next_interval()
    assert (messages, mark.start, mark.ts) == ([], BEGIN, BEGIN + 10 * SECOND)
    schedule.skip_to(BEGIN + 10 * SECOND + 2)
    assert schedule.next_interval()[1].ts == BEGIN + 10 * SECOND + GRID
    schedule.skip_to(NEVER)
    assert schedule.mark_ts == BEGIN + 60 * SECOND - GRID
    assert schedule.next_interval()[0] == []
    messages, mark = schedule.next_interval()
    assert (len(messages), mark.start, mark.ts) == (1, BEGIN + 60 * SECOND - GRID, BEGIN + 60 * SECOND)


def test_an_interval_that_has_released_rows_is_not_stretched(tmp_path: Path) -> None:
    rows = [f"{BEGIN + 1},1,1", f"{BEGIN + 60 * SECOND},1,1"]
    feeds = open_files(write_csv(tmp_path, "btc-usdt.csv", "ts,price,size", rows))
    schedule = Schedule(feeds, GRID, session_start(feeds, GRID))
    assert schedule.release(BEGIN + 2)
    schedule.skip_to(NEVER)
    assert schedule.mark_ts == BEGIN + GRID


def test_a_mark_cannot_pass_rows_that_were_not_released(config: IngestConfig) -> None:
    with pytest.raises(ValueError, match="must be released"):
        schedule_of(config).close()


def test_the_grid_is_the_interval_of_bars_or_their_common_divisor_or_100_ms(tmp_path: Path) -> None:
    (minutes,) = open_files(bars_file(tmp_path))
    three = [f"{1_700_000_100 + at * 180},1,1,1,1,1" for at in range(5)]
    header = "open_time,open,high,low,close,volume"
    (threes,) = open_files(write_csv(tmp_path, "x-3m.csv", header, three))
    two = [f"{1_700_000_040 + at * 120},1,1,1,1,1" for at in range(5)]
    (twos,) = open_files(write_csv(tmp_path, "y-2m.csv", header, two))
    (trades,) = open_files(trades_file(tmp_path))
    assert choose_grid([minutes]) == 60 * SECOND
    assert choose_grid([threes, twos]) == 60 * SECOND
    assert choose_grid([minutes, trades]) == GRID
    assert choose_grid([minutes], realtime=True) == GRID
    assert choose_grid([minutes], SECOND) == SECOND
    assert choose_grid([trades]) == GRID


def test_files_of_one_instrument_are_merged_by_time_the_earlier_source_first(tmp_path: Path) -> None:
    later, tied = BEGIN + SECOND, BEGIN + 2 * SECOND
    one = write_csv(tmp_path, "btc-usdt-1.csv", "ts,price,size", [f"{tied},100,1"])
    two = write_csv(tmp_path, "btc-usdt-2.csv", "ts,price,size", [f"{later},100,2", f"{tied},100,3"])
    feeds = open_files(one, two)
    schedule = Schedule(feeds, 60 * SECOND, session_start(feeds, 60 * SECOND))
    rows = [row for row in rows_in(schedule.next_interval()[0]) if row[0] != "InstrumentDefined"]
    assert [row[7] for row in rows] == [2, 1, 3]


def test_resumed_inside_an_interval_it_neither_stretches_it_nor_calls_it_ended(tmp_path: Path) -> None:
    feeds = open_files(write_csv(tmp_path, "btc-usdt.csv", "ts,price,size", [f"{BEGIN},1,1"]))
    schedule = Schedule(feeds, GRID, session_start(feeds, GRID))
    schedule.resume(None, {feeds[0].name: 1})
    schedule.skip_to(BEGIN + 60 * SECOND)
    messages, mark = schedule.next_interval()
    assert (messages, mark.ts, mark.ended) == ([], BEGIN, False)
    assert schedule.next_interval()[1].ended
