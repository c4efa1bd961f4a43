"""Submissions on a real server: one for each order, and none where they cannot be kept."""

from collections.abc import AsyncIterator

import pytest
from penstock_runtime.errors import BadConfiguration, Halt
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.submissions import Submission, Submissions
from support.execution import order


@pytest.fixture
async def log(nats_url: str) -> AsyncIterator[Log]:
    opened = await Log.connect(nats_url, name="test")
    await opened.declare(StreamLimits(bytes_max=1 << 28, submissions_bytes_max=1 << 20))
    yield opened
    await opened.close()


def submission(number: int = 1, session: str = "test") -> Submission:
    return Submission(session, epoch=7, ts=1, ts_expires=2, approval=order(number))


async def test_the_second_submission_of_an_order_is_refused(log: Log) -> None:
    submissions = Submissions(log, "fake")
    assert await submissions.store(submission())
    assert not await submissions.store(submission())
    assert await submissions.store(submission(2))


async def test_a_session_finds_its_own_submissions_again(log: Log) -> None:
    submissions = Submissions(log, "fake")
    assert await submissions.load("test") == {}
    for number in range(1, 51):
        await submissions.store(submission(number, "test" if number % 2 else "other"))
    found = await submissions.load("test")
    assert list(found) == [f"o-{number}" for number in range(1, 51, 2)]
    assert found["o-3"] == submission(3)
    assert await Submissions(log, "elsewhere").load("test") == {}


async def test_without_room_the_log_says_so(log: Log) -> None:
    async def fill_up() -> None:
        submissions = Submissions(log, "fake")
        for number in range(1, 10_000):
            await submissions.store(submission(number))

    with pytest.raises(Halt, match="takes no more: maximum bytes exceeded"):
        await fill_up()


async def test_a_log_that_may_lose_what_it_acknowledged_is_refused(log: Log) -> None:
    submissions = Submissions(log, "fake")
    with pytest.raises(BadConfiguration, match="sync_interval: always"):
        await submissions.open(synced=False)
    await submissions.open(synced=True)
