"""I9: the database holds what the log says, and a second one, made from the log alone, holds the same."""

import asyncio

import asyncpg
from penstock_contracts.orders import OrderApproved
from penstock_contracts.signals import Signal
from penstock_contracts.venue import Fill
from penstock_recorder.config import RecorderConfig
from penstock_recorder.database import Database
from penstock_recorder.service import NAME, Recorder
from penstock_runtime.embedded import EmbeddedPostgres
from penstock_runtime.log import Log
from penstock_runtime.store.cursors import CursorKey
from penstock_runtime.store.pool import open_pool

from faults.evidence import Evidence
from faults.invariants import Verdict

REBUILT = "rebuilt"
TIMEOUT_S = 120.0
TABLES = (
    "SELECT table_name FROM information_schema.columns"
    " WHERE table_schema = 'public' AND column_name = 'session'"
)


async def check_database(
    log: Log, postgres: EmbeddedPostgres, session: str, evidence: Evidence, verdict: Verdict
) -> None:
    """Compare the session's rows with the log, and with those of a database rebuilt from it."""
    await postgres.drop_database(REBUILT)
    await postgres.create_database(REBUILT)
    url = postgres.url_of(REBUILT)
    await _rebuild(log, url, session)
    kept, rebuilt = await asyncpg.connect(postgres.url), await asyncpg.connect(url)
    try:
        await _counts(kept, session, evidence, verdict)
        for table in sorted(each["table_name"] for each in await rebuilt.fetch(TABLES)):
            if table != "cursors":  # where transactions were cut is no content
                await _compare(kept, rebuilt, table, session, verdict)
    finally:
        await kept.close()
        await rebuilt.close()


async def _rebuild(log: Log, url: str, session: str) -> None:
    pool = await open_pool(url, name="faults")
    stop = asyncio.Event()
    last = await log.last_sequence()
    key = CursorKey(session, NAME, log.partition)
    recorder = Recorder(log, Database(pool, url, key, 1.0), RecorderConfig())
    task = asyncio.create_task(recorder.run(stop))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while recorder.committed is None or recorder.committed.sequence < last:
                if task.done():
                    await task
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await task
        pool.terminate()


async def _counts(connection: asyncpg.Connection, session: str, evidence: Evidence, verdict: Verdict) -> None:
    due = {
        "fills": len(evidence.of(Fill)),
        "signals": len(evidence.of(Signal)),
        "orders": len(evidence.of(OrderApproved)),
    }
    for table, count in due.items():
        found = await connection.fetchval(f"SELECT count(*) FROM {table} WHERE session = $1", session)
        if found != count:
            verdict.add("I9", f"{table}: {found} rows, the log has {count}")
            verdict.lost += max(count - found, 0)
            verdict.duplicate += max(found - count, 0)


async def _compare(
    kept: asyncpg.Connection, rebuilt: asyncpg.Connection, table: str, session: str, verdict: Verdict
) -> None:
    query = f"SELECT md5(t::text) AS row FROM {table} t WHERE session = $1 ORDER BY 1"
    one = [each["row"] for each in await kept.fetch(query, session)]
    other = [each["row"] for each in await rebuilt.fetch(query, session)]
    if one != other:
        verdict.add("I9", f"{table}: {len(one)} rows differ from the {len(other)} rebuilt from the log")
        verdict.lost += max(len(other) - len(one), 0)
        verdict.duplicate += max(len(one) - len(other), 0)
        verdict.divergent += len(one) == len(other)
