import asyncio
import json

import pytest
from penstock_contracts.base import Message
from penstock_recorder.changes import Changes
from penstock_recorder.database import Database
from penstock_runtime.embedded import EmbeddedPostgres
from penstock_runtime.errors import Halt, SessionOver, UnreadableHalt
from penstock_runtime.health import progress_subject
from penstock_runtime.store.cursors import StoredCursor
from support.message_examples import example
from support.messages import GRID, START, approved, fill, mark, signal, trades
from support.store import (
    SESSION,
    Running,
    SessionLog,
    counts,
    database,
    record,
    rows,
    session_log,
    start_recorder,
)


class Killed(Exception):
    """What stands for a SIGKILL at a place of the test's choice."""


class DiesBeforeCommit(Database):
    async def write(self, changes: Changes, before: int | None, after: StoredCursor) -> None:
        if before is not None:
            raise Killed
        await super().write(changes, before, after)


class DiesAfterCommit(Database):
    async def write(self, changes: Changes, before: int | None, after: StoredCursor) -> None:
        await super().write(changes, before, after)
        if before is not None:
            raise Killed


class LosesTheAnswer(Database):
    """The commit reaches the database, its answer does not reach us: once for each batch."""

    lost = 0

    async def _write(self, changes: Changes, before: int | None, after: StoredCursor) -> None:
        await super()._write(changes, before, after)
        if self.lost < self.transactions + 1:
            self.lost += 1
            raise ConnectionResetError("the answer was lost")


class Holds(Database):
    """Has a transaction wait, once it is told to."""

    held: asyncio.Event | None = None

    async def write(self, changes: Changes, before: int | None, after: StoredCursor) -> None:
        if self.held is not None:
            await self.held.wait()
        await super().write(changes, before, after)


def minute(number: int) -> list[tuple[str, Message]]:
    """A little of everything, different for each number."""
    ts = START + number * GRID
    ids = {"order_id": f"o-{number}", "strategy": "cross"}
    signal_id = f"s-{number}"
    return [
        ("md", trades((ts + 1, ts + 2))),
        ("md", mark(ts=ts + GRID, start=ts)),
        ("sig", signal(signal_id=signal_id, ts=ts)),
        ("ord", approved(signal_id=signal_id, client_order_id=f"o-{number}", ts=ts, **ids)),
        ("ven", example("ven", "submitted").__class__(
            client_order_id=f"o-{number}", instrument="btc-usdt.binance", number=1, ts=ts, ts_effect=ts, **ids
        )),
        ("ven", fill(fill_id=f"f-{number}", number=2, ts=ts, **ids)),
    ]  # fmt: skip


async def write_minutes(log: SessionLog, first: int, count: int) -> int:
    for number in range(first, first + count):
        for family, message in minute(number):
            await log.put(family, message)  # type: ignore[arg-type]
    return await log.log.last_sequence()


async def assert_recorded_once(postgres_url: str, minutes: int) -> None:
    async with database(postgres_url) as pool:
        found = await counts(pool)
        assert found["trades"] == 2 * minutes
        for table in ("signals", "orders", "fills"):
            assert found[table] == minutes, table
        assert found["order_events"] == 2 * minutes
        for order in await rows(pool, "orders"):
            assert (order["quantity_filled"], order["fees"]) == (fill().quantity, fill().fee)


@pytest.mark.parametrize("kind", [DiesBeforeCommit, DiesAfterCommit])
async def test_killed_before_or_after_the_commit_every_row_is_there_once(
    nats_url: str, postgres_url: str, kind: type[Database]
) -> None:
    async with session_log(nats_url) as log:
        await record(nats_url, postgres_url, await write_minutes(log, 1, 3))
        for first in (4, 7):
            last = await write_minutes(log, first, 3)
            dying = await start_recorder(nats_url, postgres_url, kind=kind)
            with pytest.raises(Killed):
                await dying.reach(last)
            await dying.kill()
        await record(nats_url, postgres_url, last)
    await assert_recorded_once(postgres_url, 9)


async def test_while_the_database_takes_a_batch_the_next_is_read(
    nats_url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_log(nats_url) as log:
        await record(nats_url, postgres_url, await write_minutes(log, 1, 1))
        monkeypatch.setattr(Holds, "held", asyncio.Event())
        slow = await start_recorder(nats_url, postgres_url, kind=Holds)
        health = slow.recorder.health
        for first in (2, 5):  # one batch on its way, and one that is read meanwhile
            seen = health.events
            last = await write_minutes(log, first, 3)
            async with asyncio.timeout(120):
                while health.events == seen:
                    await asyncio.sleep(0.005)
        assert slow.recorder.committed is not None
        assert slow.recorder.committed.sequence < last
        assert Holds.held is not None
        Holds.held.set()
        await slow.reach(last)
        await slow.drain()
    await assert_recorded_once(postgres_url, 7)


async def test_a_commit_whose_answer_was_lost_is_recognised(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url) as log:
        for first in (1, 4, 7):
            last = await write_minutes(log, first, 3)
            await record(nats_url, postgres_url, last, kind=LosesTheAnswer)
    await assert_recorded_once(postgres_url, 9)


async def test_two_recorders_at_once_write_each_row_once(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url) as log:
        both = [await start_recorder(nats_url, postgres_url) for _ in range(2)]
        for first in range(1, 22, 3):
            last = await write_minutes(log, first, 3)
            await asyncio.gather(*(each.reach(last) for each in both))
        await asyncio.gather(*(each.drain() for each in both))
    await assert_recorded_once(postgres_url, 21)


async def test_the_database_may_be_killed_at_any_time(
    nats_url: str, postgres_url: str, postgres: EmbeddedPostgres
) -> None:
    async with session_log(nats_url) as log:
        running = await start_recorder(nats_url, postgres_url)
        await running.reach(await write_minutes(log, 1, 5))
        for first in (6, 11):
            await postgres.kill()
            await write_minutes(log, first, 4)
            await postgres.start()
            last = await write_minutes(log, first + 4, 1)
            await running.reach(last)
        await running.drain()
    await assert_recorded_once(postgres_url, 15)


async def test_told_to_stop_without_a_database_it_stops(
    nats_url: str, postgres_url: str, postgres: EmbeddedPostgres
) -> None:
    async with session_log(nats_url) as log:
        running = await start_recorder(nats_url, postgres_url)
        await running.reach(await write_minutes(log, 1, 2))
        await postgres.kill()
        last = await write_minutes(log, 3, 2)
        try:
            async with asyncio.timeout(120):
                await running.drain()
        finally:
            await postgres.start()
        await record(nats_url, postgres_url, last)
    await assert_recorded_once(postgres_url, 4)


async def test_copies_and_numbers_out_of_turn_are_not_recorded(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url) as log:
        await log.put("md", trades((START + 1,), (1,)))
        await log.put_numbered("md", trades((START + 1,), (1,)), 1)
        await log.put_numbered("md", trades((START + 3,), (3,)), 3)
        await log.put("md", trades((START + 2,), (2,)))
        await record(nats_url, postgres_url, await log.put("md", trades((START + 3,), (3,))))
    async with database(postgres_url) as pool:
        assert [row["ts"] - START for row in await rows(pool, "trades", "ts")] == [1, 2, 3]


async def test_an_unreadable_message_is_kept_and_the_rest_flows(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url) as log:
        await log.put_raw("p0.feat.v1.bar.binance.btc-usdt", b"\xff\xff\xff\xff", "features")
        await log.put_raw("p0.md.v9.trade.binance.btc-usdt", b"{}", "ingest")
        await record(nats_url, postgres_url, await log.put("md", trades()))
    async with database(postgres_url) as pool:
        kept = await rows(pool, "quarantine", "sequence")
        assert [(row["family"], row["kind"], row["raw"]) for row in kept] == [
            ("feat", "bar", b"\xff\xff\xff\xff"),
            ("md", "trade", b"{}"),
        ]
        assert "v9" in kept[1]["reason"]
        assert len(await rows(pool, "trades")) == 2


async def test_an_unreadable_order_stops_the_recorder(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url) as log:
        await log.put_raw("p0.ord.v1.approved.binance.btc-usdt", b'{"order_id": 1}', "risk")
        running = await start_recorder(nats_url, postgres_url)
        with pytest.raises(UnreadableHalt, match=r"p0\.ord\.v1\.approved"):
            await running.reach(10)
        await running.kill()


@pytest.mark.parametrize("second", [fill(number=4), fill(fill_id="f-2", order_id="o-x")])
async def test_what_cannot_be_stops_the_recorder_and_leaves_nothing_of_its_batch(
    nats_url: str, postgres_url: str, second: Message
) -> None:
    async with session_log(nats_url) as log:
        await record(nats_url, postgres_url, await log.put("ord", approved()))
        await log.put("ven", fill())
        last = await log.put("ven", second)
        running = await start_recorder(nats_url, postgres_url)
        with pytest.raises(Halt, match="the database refuses"):
            await running.reach(last)
        await running.kill()
    async with database(postgres_url) as pool:
        (order,) = await rows(pool, "orders")
        fills = (await counts(pool))["fills"]
        assert order["quantity_filled"] == fills * fill().quantity


async def test_a_new_session_ends_the_recording_of_the_old_one_completely(
    nats_url: str, postgres_url: str
) -> None:
    async with session_log(nats_url) as log:
        old = await start_recorder(nats_url, postgres_url)
        await old.reach(await write_minutes(log, 1, 1))
        await write_minutes(log, 2, 1)
        async with session_log(nats_url, "second") as second:
            with pytest.raises(SessionOver):
                await old.drain_or_end()
            last = await write_minutes(second, 3, 1)
            await record(nats_url, postgres_url, last, session="second")
    async with database(postgres_url) as pool:
        fills = await rows(pool, "fills", "sequence")
        assert [(row["session"], row["fill_id"]) for row in fills] == [
            (SESSION, "f-1"),
            (SESSION, "f-2"),
            ("second", "f-3"),
        ]


async def test_a_recorder_of_another_session_writes_nothing(nats_url: str, postgres_url: str) -> None:
    async with session_log(nats_url):
        running = await start_recorder(nats_url, postgres_url, session="another")
        with pytest.raises(SessionOver, match="not another"):
            await running.drain_or_end()
    async with database(postgres_url) as pool:
        found = await counts(pool)
        assert (found["sessions"], found["cursors"]) == (0, 0)


async def test_it_tells_how_far_it_is_and_repeats_it(nats_url: str, postgres_url: str) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(_: str, data: bytes) -> None:
        heard.put_nowait(data)

    async with session_log(nats_url) as log:
        await log.log.subscribe_core(progress_subject(0), listen)
        running: Running = await start_recorder(nats_url, postgres_url)
        last = await log.put("md", mark(ts=START + GRID))
        await running.reach(last)
        async with asyncio.timeout(120):
            while json.loads(await heard.get()) != {"mark": START + GRID, "sequence": last}:
                pass
            # Without another message in the log.
            assert json.loads(await heard.get()) == {"mark": START + GRID, "sequence": last}
        await running.drain()
        again = await start_recorder(nats_url, postgres_url)
        async with asyncio.timeout(120):
            while again.recorder.committed is None:
                await asyncio.sleep(0.005)
        assert again.recorder.committed.mark == START + GRID
        await again.drain()
