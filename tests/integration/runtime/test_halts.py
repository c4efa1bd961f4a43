"""What makes going on wrong ends a service with the code that is not restarted."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from penstock_contracts.base import Message
from penstock_contracts.subjects import claim_subject
from penstock_kernel.errors import HaltError
from penstock_runtime.drivers import StageDriver
from penstock_runtime.errors import Halt, UnreadableHalt
from penstock_runtime.log import Log, LogReader
from penstock_runtime.log.connection import session_subject
from support.runtime import market_writer, new_session, settings_for, start_service, write
from support.toy import ToyStage, market


async def read_to(reader: LogReader, sequence: int) -> None:
    async with asyncio.timeout(120):
        while reader.sequence <= sequence:
            if reader.poll() is None:
                await reader.wait(1.0)


class Refusing(ToyStage):
    """Cannot go on with what it is given."""

    def process(self, message: Message) -> Sequence[Message]:
        """Refuse."""
        raise HaltError("the account cannot be valued")


@pytest.mark.parametrize("subject", [claim_subject(0, "ingest"), session_subject(0, "end")])
async def test_a_claim_or_session_that_cannot_be_read_halts_every_reader(nats_url: str, subject: str) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    await log.js.publish(subject, b"{")
    reader = await log.reader(("md", "ctl"))
    with pytest.raises(UnreadableHalt, match=subject):
        await read_to(reader, genesis + 1)
    await log.close()


async def test_a_stage_that_cannot_go_on_halts_its_service_and_says_where(
    nats_url: str, tmp_path: Path
) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    running = await start_service(
        "features", StageDriver("features", Refusing("features")), log, settings_for(nats_url, tmp_path)
    )
    writer = await market_writer(log, genesis)
    for messages, mark in market(4):
        write(writer, [*messages, mark], mark.ts)
    with pytest.raises(Halt, match=r"features: p0\.md\..* the account cannot be valued"):
        await asyncio.wait_for(running.task, 10)
    await log.close()
