"""Second copies: a deterministic stage's is a standby, a writer's must not count."""

import asyncio
from pathlib import Path

import pytest
from penstock_kernel.topology import STAGES
from penstock_runtime import version
from penstock_runtime.drivers import StageDriver
from penstock_runtime.errors import Halt
from penstock_runtime.log import Delivered, Log
from support.runtime import market_writer, new_session, settings_for, start_service, taken, write
from support.toy import ToyStage, expected, market

INTERVALS = 60


async def test_a_standby_goes_on_where_the_first_copy_was_killed(nats_url: str, tmp_path: Path) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    settings = settings_for(nats_url, tmp_path)
    standby = settings_for(nats_url, tmp_path, standby=True)
    firsts = {
        each: await start_service(each, StageDriver(each, ToyStage(each)), log, settings) for each in STAGES
    }
    seconds = [
        await start_service(each, StageDriver(each, ToyStage(each)), log, standby)
        for each in ("risk", "execution")
    ]
    reader = await log.reader(("feat", "sig", "ord", "ven"))
    writer = await market_writer(log, genesis)
    last = 0
    for number, (messages, mark) in enumerate(market(INTERVALS)):
        write(writer, [*messages, mark], mark.ts)
        last = mark.ts
        if number == INTERVALS // 3:
            await asyncio.sleep(0.05)
            await firsts.pop("risk").kill()
        if number == 2 * INTERVALS // 3:
            await asyncio.sleep(0.05)
            await firsts.pop("execution").kill()
    assert await taken(reader, last) == expected(INTERVALS)
    for service in (*firsts.values(), *seconds):
        await service.drain()
    await log.close()


async def test_while_both_copies_live_the_standby_publishes_next_to_nothing(
    nats_url: str, tmp_path: Path
) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    settings = settings_for(nats_url, tmp_path)
    services = [
        await start_service(each, StageDriver(each, ToyStage(each)), log, settings) for each in STAGES
    ]
    standby = await start_service(
        "risk", StageDriver("risk", ToyStage("risk")), log, settings_for(nats_url, tmp_path, standby=True)
    )
    reader = await log.reader(("feat", "sig", "ord", "ven"))
    writer = await market_writer(log, genesis)
    for messages, mark in market(INTERVALS):
        write(writer, [*messages, mark], mark.ts)
    await taken(reader, 1_000 + INTERVALS * 100)
    raw = await log.consumer(["p0.ord.>"], lambda: None)
    await raw.start(genesis, "")
    numbers = []
    while not raw.at_tail or not numbers:
        await asyncio.sleep(0.01)
        while (stored := raw.take()) is not None:
            origin = Delivered(*stored).origin
            assert origin is not None
            numbers.append(origin.index)
    assert len(numbers) - len(set(numbers)) <= len(numbers) // 20
    for service in (*services, standby):
        await service.drain()
    await log.close()


async def test_the_writer_that_was_succeeded_is_ignored_by_every_reader(nats_url: str) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    first = await market_writer(log, genesis)
    intervals = market(6)
    for messages, mark in intervals[:3]:
        write(first, [*messages, mark], mark.ts)
    second = await market_writer(log, first.epoch)
    late = await market_writer(log, first.epoch)  # names a predecessor that is not the last
    for writer in (first, late, second):
        for messages, mark in intervals[3:]:
            write(writer, [*messages, mark], mark.ts)
    reader = await log.reader(("md",))
    marks = []
    while len(marks) < len(intervals):
        delivered = reader.poll()
        if delivered is None:
            assert await reader.wait(5.0)
        elif delivered.kind == "mark":
            marks.append((delivered.decode().ts, delivered.origin.epoch if delivered.origin else 0))
    assert [ts for ts, _ in marks] == [mark.ts for _, mark in intervals]
    assert [epoch for _, epoch in marks] == [first.epoch] * 3 + [second.epoch] * 3
    await log.close()


async def test_changed_code_does_not_read_on_behind_an_older_snapshot(
    nats_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await Log.connect(nats_url, name="test")
    genesis = await new_session(log)
    settings = settings_for(nats_url, tmp_path)
    service = await start_service("features", StageDriver("features", ToyStage("features")), log, settings)
    writer = await market_writer(log, genesis)
    for messages, mark in market(3):
        write(writer, [*messages, mark], mark.ts)
    while service.service.health.outputs < 3:
        await asyncio.sleep(0.01)
    await service.drain()
    monkeypatch.setattr("penstock_runtime.service.code_hash", lambda: "other")
    again = await start_service("features", StageDriver("features", ToyStage("features")), log, settings)
    await again.drain()
    monkeypatch.setattr("penstock_runtime.service.code_hash", version.code_hash)
    for messages, mark in market(5)[3:]:
        write(writer, [*messages, mark], mark.ts)
    with pytest.raises(Halt, match="let it drain"):
        await start_service("features", StageDriver("features", ToyStage("features")), log, settings)
    await log.close()
