"""A session's log written by hand, and the database that is projected from it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from penstock_contracts import headers, subjects
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.codec import encode
from penstock_contracts.control import Claim, Command, Session
from penstock_contracts.headers import Origin
from penstock_kernel.topology import PRODUCER_OF
from penstock_recorder.config import RecorderConfig
from penstock_recorder.database import Database
from penstock_recorder.service import NAME, Recorder
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.store.cursors import CursorKey
from penstock_runtime.store.pool import Pool, open_pool

SESSION = "20220101T120000-7f3a"
QUICK = RecorderConfig(batch_interval_ms=5, progress_interval_ms=50, retry_interval_ms_max=100)


class SessionLog:
    """Writes what the services of one session would write, numbered, in the order of the calls."""

    def __init__(self, log: Log, session: str) -> None:
        self.log = log
        self.session = session
        self.epochs: dict[str, int] = {}
        self._next: dict[str, int] = {}

    async def begin(self, started_at: int = 1) -> None:
        """Genesis, and ingest's claim."""
        await self.log.declare(StreamLimits(bytes_max=1 << 28))
        genesis = Session(
            phase="genesis",
            session_id=self.session,
            ts=started_at,
            config_hash="b1946ac92492d234",
            code_hash="591785b794601e21",
            config='{"session": {"currency": "USDT"}}',
        )
        epoch = await self.log.write_session(genesis)
        self.epochs = dict.fromkeys(PRODUCER_OF.values(), epoch)
        nonce = f"nonce-{epoch}"
        self.epochs["ingest"] = await self.log.claim(Claim(producer="ingest", nonce=nonce, succeeds=epoch))
        self._next = dict.fromkeys(PRODUCER_OF.values(), 1)

    async def put(self, family: Family, *messages: Message) -> int:
        """Write numbered messages; returns the log's last sequence."""
        for message in messages:
            number = self._next[PRODUCER_OF[family]]
            self._next[PRODUCER_OF[family]] = number + 1
            await self.put_numbered(family, message, number)
        return await self.log.last_sequence()

    async def put_numbered(self, family: Family, message: Message, number: int) -> None:
        """Write a message under a number of one's choice."""
        entry = type_of(message, family)
        target = subjects.subject(0, family, entry.major, entry.kind, subjects.key_of(message))
        await self.put_raw(target, encode(message), PRODUCER_OF[family], number)

    async def put_raw(self, target: str, data: bytes, producer: str, number: int | None = None) -> None:
        """Write bytes as a producer's output, its next one if no number is given."""
        if number is None:
            number = self._next[producer]
            self._next[producer] = number + 1
        origin = Origin(producer, self.epochs[producer], number)
        block = headers.numbered("penstock.test.v1", origin, 1, partition=0, config="")
        await self.log.js.publish(target, data, headers=headers.parse(block))

    async def command(self, command: Command) -> int:
        """Write a command."""
        return await self.log.publish_command(command)

    async def end(self, ended_at: int, stop_reason: str = "duration") -> int:
        """Write the session's end."""
        ending = Session(
            phase="end",
            session_id=self.session,
            ts=ended_at,
            config_hash="b1946ac92492d234",
            code_hash="591785b794601e21",
            stop_reason=stop_reason,
            outputs={producer: number - 1 for producer, number in self._next.items()},
        )
        return await self.log.write_session(ending)


@asynccontextmanager
async def session_log(nats_url: str, session: str = SESSION) -> AsyncIterator[SessionLog]:
    """A log in which a session has begun."""
    log = await Log.connect(nats_url, name="test")
    writer = SessionLog(log, session)
    await writer.begin()
    try:
        yield writer
    finally:
        await log.close()


@asynccontextmanager
async def database(url: str) -> AsyncIterator[Pool]:
    """A pool on a database."""
    pool = await open_pool(url, name="test")
    try:
        yield pool
    finally:
        pool.terminate()


class Running:
    """A recorder as a task of this process, with its own connections."""

    def __init__(self, recorder: Recorder, log: Log, pool: Pool) -> None:
        self.recorder = recorder
        self._log = log
        self._pool = pool
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(recorder.run(self._stop))

    async def reach(self, sequence: int, timeout_s: float = 120.0) -> None:
        """Wait until everything up to a sequence is committed; raises what ended the recorder before."""
        async with asyncio.timeout(timeout_s):
            while self.recorder.committed is None or self.recorder.committed.sequence < sequence:
                if self.task.done():
                    await self.task
                    raise AssertionError("the recorder ended")
                await asyncio.sleep(0.005)

    async def drain(self) -> None:
        """Stop it as SIGTERM does."""
        self._stop.set()
        try:
            await self.task
        finally:
            await self._close()

    async def drain_or_end(self) -> None:
        """Wait until it ends by itself; raises what ended it."""
        try:
            async with asyncio.timeout(120):
                await self.task
        finally:
            await self._close()

    async def kill(self) -> BaseException | None:
        """Stop it where it is; returns what it had ended with."""
        self.task.cancel()
        (ended,) = await asyncio.gather(self.task, return_exceptions=True)
        await self._close()
        return ended

    async def _close(self) -> None:
        await self._log.close()
        self._pool.terminate()


async def start_recorder(
    nats_url: str,
    postgres_url: str,
    *,
    session: str = SESSION,
    config: RecorderConfig = QUICK,
    kind: type[Database] = Database,
) -> Running:
    """Start a recorder; `kind` may be a database that fails at will."""
    log = await Log.connect(nats_url, name="recorder")
    pool = await open_pool(postgres_url, name="recorder")
    used = kind(pool, postgres_url, CursorKey(session, NAME, 0), config.retry_interval_ms_max / 1000)
    return Running(Recorder(log, used, config), log, pool)


async def record(nats_url: str, postgres_url: str, until: int, **options: Any) -> None:
    """Record up to a sequence, and stop."""
    running = await start_recorder(nats_url, postgres_url, **options)
    try:
        await running.reach(until)
    finally:
        await running.drain()


async def rows(pool: Pool, table: str, order: str = "1") -> list[dict[str, Any]]:
    """All rows of a table."""
    return [dict(row) for row in await pool.fetch(f"SELECT * FROM {table} ORDER BY {order}")]


async def counts(pool: Pool) -> dict[str, int]:
    """Number of rows of each table of the projection."""
    names = await pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^_pogo' ORDER BY 1"
    )
    tables: Iterable[str] = [row["tablename"] for row in names]
    return {table: await pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables}
