"""The streams beside the log: what they keep, and what they refuse."""

import asyncio

import pytest
from nats.js.errors import APIError
from penstock_contracts import subjects
from penstock_runtime.log import Log, StreamLimits

BOOKED = ("ord", "ven", "ctl")


async def _declared(url: str) -> Log:
    log = await Log.connect(url, name="test")
    await log.declare(StreamLimits(bytes_max=1 << 28))
    return log


async def _settled(log: Log, messages: int) -> None:
    async with asyncio.timeout(120):
        while (await log.js.stream_info(subjects.books_name(0))).state.messages < messages:
            await asyncio.sleep(0.02)


async def test_the_books_hold_orders_fills_and_control_in_the_order_of_the_log(nats_url: str) -> None:
    log = await _declared(nats_url)
    families = ("md", "ord", "ven", "ctl", "feat", "ven", "ord", "sig")
    sent = [(f"p0.{families[k * k % 8]}.v1.done._._", str(k).encode()) for k in range(400)]
    for subject, data in sent:
        await log.js.publish(subject, data)
    expected = [each for each in sent if each[0].split(".")[1] in BOOKED]
    await _settled(log, len(expected))
    found = []
    for number in range(1, len(expected) + 1):
        stored = await log.js.get_msg(subjects.books_name(0), number)
        found.append((stored.subject, stored.data))
    assert found == expected
    await log.close()


async def test_nothing_is_removed_from_the_books_or_the_submissions(nats_url: str) -> None:
    log = await _declared(nats_url)
    await log.js.publish("p0.ord.v1.done._._", b"one")
    await log.js.publish(subjects.submission_subject(0, "fake", "o-1"), b"one")
    await _settled(log, 1)
    for stream in (subjects.books_name(0), subjects.SUBMISSIONS):
        with pytest.raises(APIError):
            await log.js.purge_stream(stream)
        with pytest.raises(APIError):
            await log.js.delete_msg(stream, 1)
        assert (await log.js.stream_info(stream)).state.messages == 1
    await log.close()


async def test_a_second_submission_under_one_client_order_id_is_refused(nats_url: str) -> None:
    log = await _declared(nats_url)
    subject = subjects.submission_subject(0, "fake", "o-1")
    await log.js.publish(subject, b"first")
    with pytest.raises(APIError, match="maximum messages per subject"):
        await log.js.publish(subject, b"second")
    assert (await log.js.get_last_msg(subjects.SUBMISSIONS, subject)).data == b"first"
    await log.js.publish(subjects.submission_subject(0, "fake", "o-2"), b"another order")
    await log.close()


async def test_full_submissions_refuse_and_keep_what_they_have(nats_url: str) -> None:
    log = await Log.connect(nats_url, name="test")
    await log.declare(StreamLimits(bytes_max=1 << 28, submissions_bytes_max=1 << 20))
    orders = (subjects.submission_subject(0, "fake", f"o-{number}") for number in range(50))
    with pytest.raises(APIError, match="maximum bytes"):
        [await log.js.publish(order, bytes(100_000)) for order in orders]
    assert (await log.js.stream_info(subjects.SUBMISSIONS)).state.first_seq == 1
    await log.close()


def test_a_submission_must_name_one_subject() -> None:
    for bad in ("o.1", "o>", "", "o 1"):
        with pytest.raises(ValueError, match="not a subject token"):
            subjects.submission_subject(0, "fake", bad)
