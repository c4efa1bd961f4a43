"""Runs of small outputs are one message in the log; readers see the outputs, wherever they begin again."""

from penstock_contracts import frames
from penstock_contracts.market import Mark
from penstock_runtime.log import Cursor, Log
from support.runtime import market_writer, new_session, write

MARKS = 40


async def test_a_reader_goes_on_in_the_middle_of_a_frame(nats_url: str) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    writer = await market_writer(log, genesis)
    write(writer, [Mark(ts=100 * k, start=100 * (k - 1)) for k in range(1, MARKS + 1)], 1)
    seen: list[int] = []
    cursor: Cursor | None = None
    while len(seen) < MARKS:
        reader = await log.reader(("md",), cursor)
        for _ in range(7):
            while (delivered := reader.poll()) is None and await reader.wait(2.0):
                pass
            if delivered is None:
                break
            assert delivered.origin is not None
            seen.append(delivered.origin.index)
        cursor = reader.cursor()
        await reader.stop()
    assert seen == list(range(1, MARKS + 1))
    await log.close()


async def test_the_log_holds_one_message_for_many_and_the_last_mark_is_found(nats_url: str) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    writer = await market_writer(log, genesis)
    before = await log.last_sequence()
    write(writer, [Mark(ts=100 * k, start=100 * (k - 1)) for k in range(1, MARKS + 1)], 1)
    reader = await log.reader(("md",))
    taken = 0
    while taken < MARKS and await reader.wait(2.0):
        while reader.poll() is not None:
            taken += 1
    assert taken == MARKS
    assert await log.last_sequence() == before + 1
    stored = await log.js.get_msg(log.stream, before + 1)
    assert stored.headers is not None
    assert stored.headers[frames.FRAME] == str(MARKS)
    last = await log.last_of("md", "mark")
    assert isinstance(last, Mark)
    assert last.ts == 100 * MARKS
    await log.close()
