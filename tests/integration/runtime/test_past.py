"""Readers go on where the log begins later than they stand: archive first, then the log, nothing twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from penstock_contracts.base import Family
from penstock_kernel.topology import STAGES
from penstock_runtime.drivers import StageDriver
from penstock_runtime.errors import LogAgedOut, LogLost
from penstock_runtime.log import Cursor, Delivered, Log, LogReader
from penstock_runtime.log.consumer import OrderedConsumer
from penstock_runtime.log.cursor import digest_of
from penstock_runtime.store.archive import DatabasePast
from support.past import age_out
from support.runtime import market_writer, new_session, settings_for, start_service, taken, write
from support.toy import ToyStage, expected, market

Connect = Callable[..., Awaitable[Log]]
ALL: tuple[Family, ...] = ("md", "feat", "sig", "ord", "ven", "ctl")


@pytest.fixture
async def connect(nats_url: str, postgres_url: str) -> AsyncIterator[Connect]:
    """Connects to the log, with the archive as its past unless that is not wanted."""
    opened: list[Log] = []

    async def connected(*, past: bool = True) -> Log:
        archive = DatabasePast(lambda: postgres_url) if past else None
        opened.append(await Log.connect(nats_url, name="test", past=archive))
        return opened[-1]

    yield connected
    for log in opened:
        await log.close()


async def _read(reader: LogReader, until: int) -> list[Delivered]:
    found = []
    async with asyncio.timeout(120):
        while reader.sequence < until:
            delivered = reader.poll()
            if delivered is None:
                await reader.wait(0.05)
            else:
                found.append(delivered)
    return found


async def _written(log: Log, intervals: int) -> int:
    """A session's genesis and market data; returns the log's last sequence."""
    genesis = await new_session(log)
    writer = await market_writer(log, genesis)
    for messages, mark in market(intervals):
        write(writer, [*messages, mark], mark.ts)
    async with asyncio.timeout(120):
        while (last := await log.last_sequence()) < genesis + 1 + writer.made:
            await asyncio.sleep(0.02)
        while (await log.js.stream_info("BOOKS-0")).state.messages < 2:  # genesis and claim
            await asyncio.sleep(0.02)
    return last


async def test_a_reader_takes_the_same_messages_from_archive_and_log_as_from_the_log_alone(
    connect: Connect, postgres_url: str
) -> None:
    whole = await connect(past=False)
    last = await _written(whole, 60)
    reader = await whole.reader(ALL)
    before = await _read(reader, last)
    await age_out(whole, postgres_url, last // 2)
    log = await connect()
    assert await log.genesis() == before[0].sequence
    late = await log.reader(ALL)
    assert await _read(late, last) == before
    assert late.cursor() == reader.cursor()


@pytest.mark.parametrize("families", [("md",), ("ctl",), ("feat",)])
async def test_a_reader_goes_on_from_a_cursor_that_lies_before_the_log(
    connect: Connect, postgres_url: str, families: tuple[Family, ...]
) -> None:
    log = await connect()
    last = await _written(log, 60)
    reader = await log.reader(families)
    while reader.sequence < 20 and (reader.poll() is not None or await reader.wait(0.2)):
        pass
    cursor = reader.cursor()
    following = []
    while (delivered := reader.poll()) is not None or await reader.wait(0.2):
        following += [delivered] if delivered is not None else []
    await age_out(log, postgres_url, last - 10)
    late = await log.reader(families, cursor)
    found = []
    while not late.at_tail or late.backlog:
        delivered = late.poll()
        if delivered is None:
            await late.wait(0.05)
        else:
            found.append(delivered)
    assert found == following


class _Belated:
    """Tells once how the log stood before something left it; all else is the server's."""

    def __init__(self, js: Any, before: Any) -> None:
        self._js, self._before = js, [before]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._js, name)

    async def stream_info(self, stream: str) -> Any:
        return self._before.pop() if self._before else await self._js.stream_info(stream)


async def test_what_leaves_the_log_while_a_reader_begins_again_is_read_from_the_past(
    connect: Connect, postgres_url: str
) -> None:
    log = await connect()
    last = await _written(log, 60)
    reader = await log.reader(ALL)
    everything = await _read(reader, last)
    stored = everything[20]
    raw = await log.js.get_msg(log.stream, stored.sequence)
    before = await log.js.stream_info(log.stream)
    await age_out(log, postgres_url, last - 10)
    taken: list[int] = []
    wake = asyncio.Event()
    consumer = OrderedConsumer(log.client, _Belated(log.js, before), log.stream, ["p0.>"], wake.set)  # type: ignore[arg-type]
    consumer.past = DatabasePast(lambda: postgres_url)
    await consumer.start(stored.sequence, digest_of(stored.subject, stored.block, raw.data or b""))
    async with asyncio.timeout(60):
        while not taken or taken[-1] < everything[-1].sequence:
            if (found := consumer.take()) is None:
                wake.clear()
                await wake.wait()
            else:
                taken.append(found[0])
    await consumer.stop()
    assert taken == [each.sequence for each in everything if each.sequence > stored.sequence]


async def test_a_message_that_is_another_in_the_archive_is_a_lost_log(
    connect: Connect, postgres_url: str
) -> None:
    log = await connect()
    last = await _written(log, 20)
    await age_out(log, postgres_url, last // 2)
    reader = await log.reader(("md",), Cursor(5, "another digest"))
    with pytest.raises(LogLost, match="was another message"):
        await _read(reader, last)


async def test_a_hole_between_archive_and_log_halts_and_is_named(connect: Connect, postgres_url: str) -> None:
    log = await connect()
    last = await _written(log, 30)
    await age_out(log, postgres_url, last - 5, archived=10)
    reader = await log.reader(("md",))
    with pytest.raises(LogAgedOut, match=f"begins at {last - 4}, and what is known from before ends at 10"):
        await _read(reader, last)


async def test_without_an_archive_an_aged_out_log_halts_as_it_did(
    connect: Connect, postgres_url: str
) -> None:
    log = await connect(past=False)
    last = await _written(log, 10)
    await age_out(log, postgres_url, last // 2)
    with pytest.raises(LogAgedOut):
        await log.reader(("md",))


async def test_the_archive_of_another_log_is_not_taken_for_this_ones(
    connect: Connect, postgres_url: str
) -> None:
    log = await connect()
    last = await _written(log, 20)
    await age_out(log, postgres_url, last // 2)
    await log.js.delete_stream("BOOKS-0")
    await log.js.delete_stream(log.stream)
    again = await _written(log, 20)
    await log.js.purge_stream(log.stream, seq=again // 2)
    reader = await log.reader(("md",))
    with pytest.raises(LogAgedOut, match="aged out and is not archived"):
        await _read(reader, again)


async def test_services_without_snapshots_rebuild_what_they_were_though_the_log_begins_later(
    connect: Connect, nats_url: str, postgres_url: str, tmp_path: Path
) -> None:
    log = await connect()
    genesis = await new_session(log)
    writer = await market_writer(log, genesis)
    settings = settings_for(nats_url, tmp_path, snapshot_interval_s=3600.0)
    intervals = market(60)
    services = [await start_service(n, StageDriver(n, ToyStage(n)), log, settings) for n in STAGES]
    for messages, mark in intervals[:40]:
        write(writer, [*messages, mark], mark.ts)
    await taken(await log.reader(("feat", "sig", "ord", "ven")), intervals[39][1].ts)
    for service in services:
        await service.kill()
    await age_out(log, postgres_url, await log.last_sequence() - 30)
    again = {n: await start_service(n, StageDriver(n, ToyStage(n)), log, settings) for n in STAGES}
    for messages, mark in intervals[40:]:
        write(writer, [*messages, mark], mark.ts)
    found = await taken(await log.reader(("feat", "sig", "ord", "ven")), intervals[-1][1].ts)
    assert found == expected(60)
    for service in again.values():
        await service.kill()


async def test_a_reader_that_was_held_back_while_the_log_moved_on_misses_nothing(
    connect: Connect, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_runtime.log.consumer._BACKLOG_MAX", 100)
    monkeypatch.setattr("penstock_runtime.log.consumer._STALL_S", 0.1)
    log = await connect()
    await new_session(log)
    wake = asyncio.Event()
    consumer = await log.consumer(["p0.feat.>"], wake.set)
    await consumer.start(1, "")
    large = bytes(200_000)
    for _ in range(500):
        await log.js.publish("p0.feat.v1.row._._", large)
    held_back = await log.last_sequence() - 1 - consumer.waiting
    assert held_back > 100, "the server was not held back: there is nothing to test"
    await age_out(log, postgres_url, await log.last_sequence() - 20)
    found: list[int] = []
    async with asyncio.timeout(120):
        while len(found) < 500:
            raw = consumer.take()
            if raw is not None:
                found.append(raw[0])
                continue
            wake.clear()
            await wake.wait()
    assert found == list(range(2, 502))
