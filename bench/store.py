"""The database: the recorder into a hypertable against bare COPY, orders without it, explain among millions.

TimescaleDB comes from a container where a Docker engine has its image; elsewhere the same is measured on the
embedded PostgreSQL, and the details say so.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import numpy as np
import psutil
from penstock.launch.servers import STORE_BYTES
from penstock_contracts import codec, subjects
from penstock_contracts.control import Claim, Session
from penstock_contracts.headers import Numbering
from penstock_contracts.market import TradeBatch
from penstock_recorder.batches import Batches
from penstock_recorder.changes import Changes
from penstock_recorder.config import RecorderConfig
from penstock_recorder.database import Database
from penstock_recorder.service import NAME, Recorder
from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.store.cursors import CursorKey
from penstock_runtime.store.explaining import explain
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import Pool, PoolSettings, open_pool
from penstock_runtime.store.projection import COPY_HEADER, COPY_TRAILER
from penstock_runtime.store.tier import detect_tier

from bench.figures import Figure, of_repeats
from bench.latency import ORDERS_PER_S, SYMBOLS, WARM_UP_S
from bench.session import run
from bench.sessions import synthetic

IMAGE = "timescale/timescaledb:latest-pg17"
SESSION = "20240101-000000-bench"
KEY = "btc-usdt.binance"
START = 1_704_067_200 * 10**9
BATCH_ROWS = 1_000
SHARE_MIN, TRADES_PER_S_MIN = 0.6, 60_000
STOPPED_TIMES_MAX = 1.1
EXPLAIN_MS_MAX = 200
_START_S = 120


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """All of the store's figures."""
    with _server(folder) as address:
        figures = asyncio.run(_recorder(address, folder, 100 if quick else 1_000, 1 if quick else 5))
        figures.append(asyncio.run(_explain(address, 100_000 if quick else 10_000_000)))
    return [*figures, _stopped(folder, 10 if quick else 40, 1 if quick else 5)]


# --- The recorder ----------------------------------------------------------------------------------------


def _batches(count: int) -> Iterator[TradeBatch]:
    rng = np.random.Generator(np.random.PCG64(1))
    for number in range(count):
        ts = START + np.arange(BATCH_ROWS, dtype=np.int64) * 1_000_000 + number * BATCH_ROWS * 1_000_000
        ids = np.array([b"%d" % (number * BATCH_ROWS + row) for row in range(BATCH_ROWS)])
        yield TradeBatch(
            instrument=KEY,
            source="bench",
            price_scale=2,
            size_scale=8,
            ts_event=ts,
            ts_init=ts,
            price=rng.integers(3_000_000, 9_000_000, BATCH_ROWS),
            size=rng.integers(1, 10**8, BATCH_ROWS),
            side=rng.choice(np.array([1, -1], np.int8), BATCH_ROWS),
            flags=np.zeros(BATCH_ROWS, np.int8),
            trade_id=ids,
        )


async def _recorder(address: str, folder: Path, count: int, pairs: int) -> list[Figure]:
    rows = count * BATCH_ROWS
    batches = list(_batches(count))
    encoded = _encoded(batches)
    ours, bare = [], []
    tier = ""
    async with EmbeddedNats(folder / "nats", file_store_bytes=STORE_BYTES) as server:
        last = await _write_log(server.url, batches)
        for _ in range(pairs):
            async with _database(address) as (url, pool):
                tier = await detect_tier(pool)
                ours.append(rows / await _recorded(server.url, url, pool, last))
                assert await pool.fetchval("SELECT count(*) FROM trades") == rows
            async with _database(address) as (_, pool):
                bare.append(rows / await _copied(pool, encoded))
    details = {"tier": str(tier), "rows": rows, "recorder_rows_per_s": ours, "copy_rows_per_s": bare}
    shares = [one / other for one, other in zip(ours, bare, strict=True)]
    return [
        of_repeats("recorder / bare COPY, hypertable", shares, "x", "at least", SHARE_MIN, **details),
        of_repeats("recorder, trades into a hypertable", ours, "/s", "at least", TRADES_PER_S_MIN, **details),
    ]


def _encoded(batches: list[TradeBatch]) -> list[tuple[tuple[str, ...], list[bytes]]]:
    """The recorder's own rows, as many in one COPY as it takes in one transaction or so."""
    copies = []
    for first in range(0, len(batches), 100):
        collected, changes = Batches(), Changes()
        for each in batches[first : first + 100]:
            collected.add(SESSION, each)
        collected.drain(changes)
        columns, chunks = changes.binary["trades"]
        copies.append((tuple(columns), list(chunks)))
    return copies


async def _copied(pool: Pool, encoded: list[tuple[tuple[str, ...], list[bytes]]]) -> float:
    async def stream(chunks: list[bytes]) -> AsyncIterator[bytes]:
        yield COPY_HEADER
        for each in chunks:
            yield each
        yield COPY_TRAILER

    began = time.perf_counter()
    async with pool.acquire() as connection:
        for columns, chunks in encoded:
            await connection.copy_to_table("trades", source=stream(chunks), columns=columns, format="binary")
    return time.perf_counter() - began


async def _write_log(url: str, batches: list[TradeBatch]) -> int:
    log = await Log.connect(url, name="bench")
    try:
        await log.declare(StreamLimits())
        genesis = Session(phase="genesis", session_id=SESSION, ts=START, config_hash="b", code_hash="b")
        epoch = await log.write_session(genesis)
        epoch = await log.claim(Claim(producer="ingest", nonce="bench", succeeds=epoch))
        numbering = Numbering("penstock.market.trade.v1", "ingest", epoch, partition=0, config="")
        target = subjects.subject(0, "md", 1, "trade", KEY)
        for number, batch in enumerate(batches, 1):
            await log.store_block(target, numbering.block(number, START), codec.encode(batch))
        return await log.last_sequence()
    finally:
        await log.close()


async def _recorded(nats_url: str, url: str, pool: Pool, last: int) -> float:
    """Seconds from the first message read to the last row committed."""
    log = await Log.connect(nats_url, name="recorder")
    recorder = Recorder(log, Database(pool, url, CursorKey(SESSION, NAME, 0), 1.0), RecorderConfig())
    stop = asyncio.Event()
    began = time.perf_counter()
    task = asyncio.create_task(recorder.run(stop))
    try:
        while recorder.committed is None or recorder.committed.sequence < last:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        return time.perf_counter() - began
    finally:
        stop.set()
        await task
        await log.close()


# --- Explain ---------------------------------------------------------------------------------------------


async def _explain(address: str, trades: int) -> Figure:
    async with _database(address) as (_, pool):
        await pool.execute(_SESSION_ROW, SESSION, START)
        await pool.execute(_MANY, SESSION, KEY, START, trades)
        await pool.execute("ANALYZE")
        for number in range(20):
            await pool.execute(
                _ORDER, SESSION, f"o-{number}", KEY, START + (trades // 20 * number + 1) * 10**7
            )
        took = []
        for number in range(20):
            began = time.perf_counter()
            found = await explain(pool, f"o-{number}")
            took.append((time.perf_counter() - began) * 1000)
            assert found.market["trade"] is not None
        tier = str(await detect_tier(pool))
    return of_repeats(
        f"explain, {trades:,} stored trades",
        took,
        "ms",
        "below",
        EXPLAIN_MS_MAX,
        tier=tier,
        slowest=max(took),
    )


_SESSION_ROW = (
    "INSERT INTO sessions (session, epoch, started_at, config_hash, code_hash) VALUES ($1, 1, $2, 'b', 'b')"
)
_MANY = """
INSERT INTO trades
SELECT $1, $2, $3::bigint + n * 10000000::bigint, $3::bigint + n * 10000000::bigint,
    40000 + n % 1000 * 0.01, 0.001 * (n % 997), 'buy', 0, n::text, 'bench'
FROM generate_series(1, $4::bigint) AS n
"""
_ORDER = """
INSERT INTO orders (session, order_id, client_order_id, signal_id, ts, sequence, ordinal, strategy,
    instrument, side, type, quantity, time_in_force, post_only, reduce_only, reference_price, reason, checks)
VALUES ($1, $2, $2, $2, $4, 1, 1, 's', $3, 'buy', 'market', 1, 'gtc', false, false, 40000, 'signal', '[]')
"""


# --- Orders while the database stands still --------------------------------------------------------------


def _stopped(folder: Path, seconds: float, pairs: int) -> Figure:
    ratios, running, stopped = [], [], []
    for number in range(pairs):
        running.append(_order_p99_ms(folder / f"running-{number}", seconds, stop=False))
        stopped.append(_order_p99_ms(folder / f"stopped-{number}", seconds, stop=True))
        ratios.append(stopped[-1] / running[-1])
    return of_repeats(
        "order p99, database stopped / running",
        ratios, "x", "at most", STOPPED_TIMES_MAX, running_ms=running, stopped_ms=stopped,
    )  # fmt: skip


def _order_p99_ms(folder: Path, seconds: float, *, stop: bool) -> float:
    rate = 1_000
    every, first = rate // ORDERS_PER_S, rate // SYMBOLS * WARM_UP_S
    strategy = f"{Path(__file__).with_name('strategies.py')}:EveryNth:every={every},first={first}"
    watching = threading.Thread(target=_stand_still, args=(folder / "data", seconds), daemon=True)
    if stop:
        watching.start()
    report = run([*synthetic(SYMBOLS, rate, WARM_UP_S + seconds), "--strategy", strategy], folder).report
    if stop:
        watching.join()
    return float(report["latency_ms"]["tick_to_order_p99"])


def _stand_still(data: Path, seconds: float) -> None:
    """Stop every process of the session's database while orders are sent; it goes on before the end."""
    pid_file = data / "postgres" / "data" / "postmaster.pid"
    while not pid_file.exists():
        time.sleep(0.1)
    time.sleep(WARM_UP_S)
    server = psutil.Process(int(pid_file.read_text().splitlines()[0]))
    processes = [server, *server.children(recursive=True)]
    for each in processes:
        os.kill(each.pid, signal.SIGSTOP)
    time.sleep(max(seconds - 3.0, 1.0))
    for each in processes:
        os.kill(each.pid, signal.SIGCONT)


# --- Servers ---------------------------------------------------------------------------------------------


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A server's address, up to the database's name."""
    if _docker("image", "inspect", IMAGE) is None:
        server = EmbeddedPostgres(folder / "postgres")
        asyncio.run(server.start())
        try:
            yield server.url_of("")
        finally:
            asyncio.run(server.stop())
        return
    name = _docker("run", "--detach", "--rm", "-e", "POSTGRES_PASSWORD=bench", "-p", "127.0.0.1::5432", IMAGE)
    assert name is not None, "the engine has the image and cannot run it"
    try:
        port = (_docker("port", name, "5432/tcp") or "").splitlines()[0].rpartition(":")[2]
        address = f"postgresql://postgres:bench@127.0.0.1:{port}/"
        asyncio.run(_answers(f"{address}postgres"))
        yield address
    finally:
        _docker("rm", "--force", "--volumes", name)


def _docker(*arguments: str) -> str | None:
    program = shutil.which("docker")
    if program is None:
        return None
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


async def _answers(url: str) -> None:
    """Wait for a server that is started twice: the first time only to be prepared."""
    async with asyncio.timeout(_START_S):
        while True:
            try:
                connection = await asyncpg.connect(url, timeout=5)
                await asyncio.sleep(2)
                await connection.fetchval("SELECT 1")
                await connection.close()
                return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.2)


@asynccontextmanager
async def _database(address: str) -> AsyncIterator[tuple[str, Pool]]:
    """A new, migrated database; dropped after."""
    place, question, rest = address.partition("?")
    made = "penstock_bench"
    admin = await asyncpg.connect(f"{place}postgres{question}{rest}")
    await admin.execute(f"DROP DATABASE IF EXISTS {made} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {made}")
    url = f"{place}{made}{question}{rest}"
    await migrate(url)
    pool = await open_pool(url, name="bench", settings=PoolSettings(command_timeout_s=600))
    try:
        yield url, pool
    finally:
        pool.terminate()
        await admin.execute(f"DROP DATABASE IF EXISTS {made} WITH (FORCE)")
        await admin.close()
