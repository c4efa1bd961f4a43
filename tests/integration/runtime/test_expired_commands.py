"""A command that is read too late does nothing, and the log says so once."""

import asyncio
import re
import time
from dataclasses import replace

import pytest
from penstock_contracts.control import Audited
from penstock_ingest.door import Door
from penstock_runtime.log import Log
from support.messages import command
from support.store import session_log

pytestmark = pytest.mark.servers
SECOND = 1_000_000_000


async def read(log: Log, door: Door) -> list[Audited]:
    """Have a door read the log's control messages; returns what they say for the audit."""
    said = []
    reader = await log.reader(("ctl",))
    try:
        async with asyncio.timeout(60):
            last = await log.last_sequence()
            while reader.sequence < last:
                delivered = reader.poll()
                if delivered is None:
                    await reader.wait(1.0)
                elif delivered.kind == "command":
                    door.admit(delivered)
                elif delivered.kind == "audit":
                    door.told(delivered)
                    said.append(delivered.decode())
    finally:
        await reader.stop()
    return said


async def test_the_log_says_once_that_a_command_expired_whoever_reads_it_again(nats_url: str) -> None:
    now = time.time_ns()
    late = replace(command(command_id="c-late"), ts_issued=now - 90 * SECOND, ts_expires=now - 60 * SECOND)
    early = replace(command(command_id="c-early"), ts_issued=now, ts_expires=now + 3_600 * SECOND)
    async with session_log(nats_url) as session:
        for each in (late, early):
            await session.log.publish_command(each)
        door = Door()
        assert await read(session.log, door) == []
        assert [each.command_id for each in door.take()] == ["c-early"]
        await door.tell_expired(session.log)
        await door.tell_expired(session.log)
        again = Door()
        (said,) = await read(session.log, again)
        assert (said.who, said.what, said.outcome, said.command_id) == (
            "ingest",
            late.verb,
            "expired",
            "c-late",
        )
        assert re.fullmatch(r"it was read \d+ s after the 30 s within which it could act", said.reason)
        assert again.expired == {}
        await again.tell_expired(session.log)
        assert len(await read(session.log, Door())) == 1
