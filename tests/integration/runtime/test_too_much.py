"""More than the log is to keep: what nobody has archived stays, and what is archived leaves."""

import asyncio

from penstock_runtime.log import Log
from penstock_runtime.log.retention import Kept
from penstock_runtime.log.streams import StreamLimits
from support.past import archiver
from support.runtime import new_session

BYTES_MAX = 1 << 20
MESSAGES = 3_000


async def _overfilled(url: str) -> tuple[Log, int]:
    """A log that holds more than it is to keep; returns its last sequence."""
    log = await Log.connect(url, name="test")
    await log.declare(StreamLimits(bytes_max=BYTES_MAX))
    genesis = await new_session(log)
    for _ in range(MESSAGES):
        await log.client.publish("p0.md.v1.trade.0.x", bytes(1000))
    async with asyncio.timeout(120):
        while (last := await log.last_sequence()) < genesis + MESSAGES:
            await asyncio.sleep(0.02)
    return log, last


async def test_what_is_not_archived_stays_and_what_is_leaves_as_far_as_it_is_too_much(
    nats_url: str, postgres_url: str
) -> None:
    log, last = await _overfilled(nats_url)
    state = (await log.js.stream_info(log.stream)).state
    assert state.first_seq == 1
    assert state.bytes > 1.5 * BYTES_MAX
    async with archiver(log, postgres_url) as keeper:
        await keeper.look()
        assert not keeper.error
        kept = Kept.of(await log.js.stream_info(log.stream), 1e6)
        assert kept.bytes_max == BYTES_MAX
        assert 0.9 * BYTES_MAX < kept.bytes <= 1.01 * BYTES_MAX
        assert 1 < kept.first <= keeper.place + 1
        assert kept.last == last
    await log.close()
