"""A lost log, a lost tail, an aged-out beginning and a lost snapshot, on a real server with its own store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js.api import StreamConfig
from penstock_kernel.topology import STAGES
from penstock_runtime.drivers import StageDriver
from penstock_runtime.embedded import EmbeddedNats
from penstock_runtime.errors import Halt, LogLost
from penstock_runtime.log import Log
from penstock_runtime.service import StageService
from penstock_runtime.snapshots import Snapshot
from penstock_runtime.witness import (
    NamedSnapshot,
    Witness,
    WitnessedSnapshots,
    check,
    describe,
    keep,
    sight,
)
from support.runtime import market_writer, new_session, settings_for, start_service, taken, write
from support.toy import ToyStage, market


class Session:
    """A session of toys in a folder of its own, with a server that may be stopped and robbed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = EmbeddedNats(folder)
        self.store = self.server.store_dir
        self.witness = Witness(folder)
        self.genesis = 0

    async def log(self) -> Log:
        if not self.server.running:
            await self.server.start()
        return await Log.connect(self.server.url, name="test")

    async def begin(self) -> Log:
        log = await self.log()
        self.genesis = await new_session(log)
        self.witness.write(await describe(log, "test"))
        return log

    async def check(self) -> str:
        log = await self.log()
        known = self.witness.read()
        assert known is not None
        try:
            return await check(log, known, self.witness.snapshots())
        finally:
            await log.close()

    async def note(self, log: Log) -> None:
        """Note the log's end, as the launcher does in time."""
        known = self.witness.read()
        last = await sight(log, await log.last_sequence())
        assert known is not None
        assert last is not None
        self.witness.write(replace(known, last=last))


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    made = Session(tmp_path / "session")
    made.folder.mkdir()
    yield made
    await made.server.stop()


async def trade(session: Session, log: Log, until: int, *, begin: int = 0) -> int:
    """Write some of the market; returns the last mark."""
    writer = await market_writer(log, await epoch(log, session.genesis))
    last = 0
    for messages, mark in market(until)[begin:]:
        write(writer, [*messages, mark], mark.ts)
        last = mark.ts
    await asyncio.wait_for(stored(log, writer.made), 10)
    return last


async def epoch(log: Log, genesis: int) -> int:
    reader = await log.reader(("md",))
    while not reader.at_tail:
        reader.poll()
        await reader.wait(0.05)
    found = reader.counter("ingest").epoch
    await reader.stop()
    return found or genesis


async def stored(log: Log, count: int) -> None:
    while await log.last_sequence() < count + 2:  # genesis and claim
        await asyncio.sleep(0.01)


async def test_the_log_that_was_seen_is_recognised_after_a_restart_and_a_crash(session: Session) -> None:
    log = await session.begin()
    await trade(session, log, 10)
    await session.note(log)
    await log.close()
    await session.server.stop()
    await session.check()
    await session.server.kill()
    await session.check()


async def test_a_removed_store_is_a_lost_log(session: Session) -> None:
    log = await session.begin()
    await log.close()
    await session.server.stop()
    shutil.rmtree(session.store)
    with pytest.raises(
        LogLost, match=r"the log of session test was lost: the store holds no stream FLOW-0.*never"
    ):
        await session.check()


async def test_another_log_in_its_place_is_a_lost_log(session: Session) -> None:
    log = await session.begin()
    await log.close()
    await session.server.stop()
    shutil.rmtree(session.store)
    log = await session.log()
    await new_session(log)
    await log.close()
    with pytest.raises(LogLost, match="was lost: FLOW-0 was created at"):
        await session.check()


async def test_an_older_copy_of_the_store_has_lost_its_tail(session: Session) -> None:
    log = await session.begin()
    await trade(session, log, 5)
    await log.close()
    await session.server.stop()
    copy = session.folder / "copy"
    shutil.copytree(session.store, copy)
    log = await session.log()
    await trade(session, log, 10, begin=5)
    await session.note(log)
    await log.close()
    await session.check()
    await session.server.stop()
    shutil.rmtree(session.store)
    copy.rename(session.store)
    with pytest.raises(
        LogLost, match=r"the end of the log of session test was lost: it ends at \d+, but \d+ was seen"
    ):
        await session.check()


async def test_an_older_copy_that_went_on_differently_is_a_lost_log(session: Session) -> None:
    log = await session.begin()
    await trade(session, log, 5)
    await log.close()
    await session.server.stop()
    copy = session.folder / "copy"
    shutil.copytree(session.store, copy)
    log = await session.log()
    await trade(session, log, 10, begin=5)
    await session.note(log)
    await log.close()
    await session.server.stop()
    shutil.rmtree(session.store)
    copy.rename(session.store)
    log = await session.log()
    await trade(session, log, 30, begin=6)
    await log.close()
    with pytest.raises(LogLost, match="its last message known, lies another message"):
        await session.check()


async def test_a_beginning_that_aged_out_is_told_apart_and_says_what_has_a_snapshot(session: Session) -> None:
    log = await session.begin()
    await trade(session, log, 10)
    await session.note(log)
    end = await log.last_sequence()
    session.witness.name_snapshot("features", NamedSnapshot(sequence=end, digest="d"))
    session.witness.name_snapshot("risk", NamedSnapshot(sequence=2, digest="d"))
    await log.js.purge_stream(log.stream, seq=end - 3)
    await log.close()
    text = await session.check()
    assert "not lost, but its beginning aged out" in text
    assert f"features reads on from its snapshot at {end}" in text
    assert "risk has no snapshot to go on from" in text


async def test_the_witness_follows_the_log_and_notices_when_it_is_lost_meanwhile(session: Session) -> None:
    log = await session.begin()
    keeping = asyncio.create_task(keep(log, session.witness))
    await trade(session, log, 5)
    end = await log.last_sequence()
    async with asyncio.timeout(120):
        while True:
            known = session.witness.read()
            assert known is not None
            if known.last.sequence == end:
                break
            await asyncio.sleep(0.05)
    await session.check()
    await log.js.delete_stream(log.stream)
    await log.js.add_stream(StreamConfig(name=log.stream, subjects=["p0.>"]))
    with pytest.raises(LogLost, match="was created at"):
        await asyncio.wait_for(keeping, 10)
    await log.close()


async def test_a_lost_bucket_of_snapshots_is_rebuilt_from_the_log(session: Session) -> None:
    log = await session.begin()
    settings = settings_for(
        session.server.url, session.folder, snapshot_interval_s=0.02, witness_dir=session.folder
    )
    services = [
        await start_service(each, StageDriver(each, ToyStage(each)), log, settings) for each in STAGES
    ]
    last = await trade(session, log, 20)
    reader = await log.reader(("feat", "sig", "ord", "ven"))
    before = await taken(reader, last)
    for service in services:
        await service.drain()
    assert set(session.witness.snapshots()) == set(STAGES)
    await session.note(log)
    await log.js.delete_object_store("SNAPSHOTS-0")
    await session.check()

    services = [
        await start_service(each, StageDriver(each, ToyStage(each)), log, settings) for each in STAGES
    ]
    last = await trade(session, log, 30, begin=20)
    reader = await log.reader(("feat", "sig", "ord", "ven"))
    after = await taken(reader, last)
    assert all(after[each][: len(before[each])] == before[each] for each in STAGES)
    for service in services:
        await service.drain()
    await log.close()


async def test_a_snapshot_that_the_service_did_not_make_is_refused(session: Session) -> None:
    log = await session.begin()
    settings = settings_for(
        session.server.url, session.folder, snapshot_interval_s=0.02, witness_dir=session.folder
    )
    service = await start_service("features", StageDriver("features", ToyStage("features")), log, settings)
    last = await trade(session, log, 10)
    reader = await log.reader(("feat",))
    async with asyncio.timeout(120):
        while service.service.health.mark < last:
            service.service._refresh()
            await asyncio.sleep(0.01)
    await reader.stop()
    await service.drain()

    store = WitnessedSnapshots(log, None)
    await store.open()
    genuine = await store.load("features")
    assert isinstance(genuine, Snapshot)
    await store.save("features", replace(genuine, state=genuine.state.replace("d-", "e-", 1)))
    again = StageService("features", StageDriver("features", ToyStage("features")), log, settings)
    with pytest.raises(Halt, match="the snapshot of features is none of those that it made"):
        await again.start()
    await log.close()


async def test_of_many_snapshots_the_last_are_known(session: Session) -> None:
    for number in range(20):
        session.witness.name_snapshot("risk", NamedSnapshot(sequence=number, digest=str(number)))
    known = session.witness.named("risk")
    assert known is not None
    assert [each.sequence for each in known.snapshots] == list(range(12, 20))


def test_a_witness_that_cannot_be_read_halts(tmp_path: Path) -> None:
    (tmp_path / "witness.json").write_text("{")
    with pytest.raises(Halt, match=r"witness\.json: cannot be read"):
        Witness(tmp_path).read()
    assert Witness(tmp_path / "nowhere").read() is None
