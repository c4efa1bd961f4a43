"""Dead letters are told once each; a retry keeps what can be read now, and leaves the log as it is."""

from __future__ import annotations

import pytest
from penstock_contracts.codec import encode
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.interval import Done
from penstock_runtime.log import Delivered, Log, LogReader
from penstock_runtime.log.dead_letters import ORIGIN, RETRY_OF, DeadLetters
from support.runtime import market_writer, new_session, write
from support.toy import market


async def written(log: Log) -> list[Delivered]:
    """The first messages of a session's market data, as a reader takes them."""
    writer = await market_writer(log, await new_session(log))
    for messages, mark in market(4):
        write(writer, [*messages, mark], mark.ts)
    reader = await log.reader(("md",))
    return await some(reader, writer.made)


async def some(reader: LogReader, count: int) -> list[Delivered]:
    found: list[Delivered] = []
    while len(found) < count:
        delivered = reader.poll()
        if delivered is None:
            await reader.wait(1.0)
        else:
            found.append(delivered)
    await reader.stop()
    return found


async def test_letters_are_told_once_each_with_how_often_they_were_passed_over(nats_url: str) -> None:
    log = await Log.connect(nats_url, name="test")
    first, second, *_ = await written(log)
    assert await DeadLetters(log).all() == []
    await log.dead_letter(first, "no\r\nreason: at all")
    await log.dead_letter(second, "another")
    await log.dead_letter(first, "again, after a restart")
    letters = await DeadLetters(log).all()
    assert [(each.number, each.sequence, each.copies) for each in letters] == [
        (1, first.sequence, 2),
        (2, second.sequence, 1),
    ]
    assert letters[0].subject == first.subject
    assert letters[0].why == "no reason: at all"
    assert letters[0].data == first.data
    assert letters[0].headers["penstock-producer"] == "ingest"
    await log.close()


async def test_a_letter_that_can_be_read_now_is_kept_beside_it_and_the_log_is_unchanged(
    nats_url: str,
) -> None:
    log = await Log.connect(nats_url, name="test")
    first, *_ = await written(log)
    await log.dead_letter(first, "an older version could not read it")
    end = await log.last_sequence()
    kept = DeadLetters(log)
    (letter,) = await kept.all()
    number = await kept.retry(letter)

    assert await log.last_sequence() == end
    stored = await log.js.get_msg("DLQ", number)
    assert stored.data == first.data
    assert stored.headers is not None
    assert stored.headers[RETRY_OF] == "1"
    assert stored.headers[ORIGIN] == str(first.origin)
    assert not {"penstock-producer", "penstock-epoch", "penstock-index"} & set(stored.headers)
    (again,) = await kept.all()
    assert (again.number, again.retried_as) == (1, number)
    await log.close()


async def test_a_letter_that_still_cannot_be_read_writes_nothing(nats_url: str) -> None:
    log = await Log.connect(nats_url, name="test")
    first, *_ = await written(log)
    broken = Delivered(first.sequence, first.subject, first.block, first.data[:-3])
    unknown = Delivered(first.sequence + 1, "p0.feat.v7.done._._", first.block, encode(Done(ts=1, start=0)))
    for each in (broken, unknown):
        await log.dead_letter(each, "unreadable")
    kept = DeadLetters(log)
    for letter in await kept.all():
        with pytest.raises(UnreadableMessage):
            await kept.retry(letter)
    assert len(await kept.all()) == 2
    assert (await log.js.stream_info("DLQ")).state.messages == 2
    await log.close()
