"""Who holds a replay back, and who is said to be behind."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from nats.js.errors import NotFoundError
from penstock_runtime.log.streams import ROOM_BYTES
from penstock_runtime.readers import Readers


class Log:
    """A log of a hundred messages of ten bytes, a second apart, that keeps two thousand bytes."""

    stream = "FLOW-0"

    def __init__(self, messages: int = 100, first: int = 1) -> None:
        self.js = self
        self.first, self.last = first, first + messages - 1
        self.now = datetime.now(UTC)
        self.bytes = 0
        """0: ten for each message."""

    async def stream_info(self, _: str) -> Any:
        count = self.last - self.first + 1
        state = SimpleNamespace(
            first_seq=self.first, last_seq=self.last, messages=count, bytes=self.bytes or count * 10
        )
        return SimpleNamespace(state=state, config=SimpleNamespace(max_bytes=2000 + ROOM_BYTES))

    async def get_msg(self, _: str, sequence: int) -> Any:
        if not self.first <= sequence <= self.last:
            raise NotFoundError
        return SimpleNamespace(time=self.now - timedelta(seconds=self.last - sequence))


def _readers(log: Log, age_max_s: float = 1e6) -> Readers:
    readers = Readers(log, age_max_s)  # type: ignore[arg-type]
    readers.begin(log.last)
    return readers


async def test_a_recorder_by_more_than_half_behind_holds_a_replay_and_is_named_once() -> None:
    readers = _readers(Log(140))
    readers.recorded(30, 140)
    assert await readers.look(str) == "recorder is behind: by 55% of the log"
    assert readers.holds(140)
    assert await readers.look(str) == ""
    readers.recorded(140, 140)
    assert await readers.look(str) == ""
    assert not readers.holds(140)
    readers.recorded(30, 140)
    assert await readers.look(str) != ""


async def test_what_was_written_since_the_last_look_counts() -> None:
    readers = _readers(Log(100))
    readers.recorded(50, 50)
    await readers.look(str)
    assert not readers.holds(150)
    assert readers.holds(151)


async def test_age_alone_is_enough_to_be_behind() -> None:
    readers = _readers(Log(100), age_max_s=100.0)
    readers.recorded(40, 100)
    assert (await readers.look(str)).startswith("recorder is behind: by 59%")


async def test_a_stage_is_named_by_who_answers_last_and_has_caught_up_when_all_is_answered() -> None:
    readers = _readers(Log(150))
    readers.recorded(150, 150)
    for mark in range(1, 4):
        readers.saw_mark(mark, 32 * mark)
    readers.answered(0)
    assert (await readers.look(lambda: "risk")).startswith("risk is behind: by 75%")
    readers.answered(2)
    assert not readers.holds(150)
    readers.settled(150)
    assert not readers.holds(240)


async def test_a_reader_whose_next_message_has_left_the_log_is_told_so() -> None:
    readers = _readers(Log(50, first=1000))
    readers.recorded(500, 1049)
    assert await readers.look(str) == "recorder is behind: what it must read next has left the log"


async def test_until_the_recorder_is_heard_a_half_full_log_does_not_grow_in_a_replay() -> None:
    readers = _readers(Log(101))
    assert await readers.look(str) == ""
    assert readers.holds(101)
    readers.recorded(101, 101)
    assert not readers.holds(101)


async def test_a_frame_counts_as_the_intervals_in_it() -> None:
    log = Log(100)
    readers = _readers(log)
    for sequence in range(1, 101):
        readers.saw_mark(sequence, sequence)
    readers.recorded(100, 100)
    await readers.look(str)
    for interval in range(100):
        readers.saw_mark(101 + interval, 101)
    log.last, log.bytes = 101, 2000  # a hundred of ten bytes, and one message as large as all of them
    await readers.look(str)
    assert not readers.holds(101)
    readers.saw_mark(201, 102)
    assert readers.holds(102)


async def test_more_than_an_eighth_of_the_log_is_not_written_unseen() -> None:
    log = Log(100)
    readers = _readers(log)
    for sequence in range(1, 101):
        readers.saw_mark(sequence, sequence)
    readers.recorded(100, 100)
    await readers.look(str)
    for interval in range(25):  # of ten bytes each, in a log of two thousand
        readers.saw_mark(101 + interval, 100)
    assert not readers.holds(100)
    readers.saw_mark(126, 100)
    assert readers.holds(100)
    assert readers.due.is_set()
    await readers.look(str)
    assert not readers.holds(100)


async def test_intervals_on_their_way_count_as_written() -> None:
    readers = _readers(Log(100))
    for sequence in range(1, 101):
        readers.saw_mark(sequence, sequence)
    readers.recorded(100, 40)
    await readers.look(str)
    assert not readers.holds(100, 40)  # sixty in the log after the archive's place, of two hundred
    assert readers.holds(100, 41)
    readers.recorded(100, 100)
    assert not readers.holds(100, 64)
