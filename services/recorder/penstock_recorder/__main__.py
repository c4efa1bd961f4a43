"""The recorder: brings the database up to date, then writes the log to it."""

import asyncio

import stamina
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.process import run_process
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.store.archive import Archive, DatabasePast
from penstock_runtime.store.archiver import Archiver
from penstock_runtime.store.cursors import CursorKey
from penstock_runtime.store.pool import open_pool

from penstock_recorder.config import RecorderConfig
from penstock_recorder.database import Database
from penstock_recorder.service import NAME, Recorder
from penstock_recorder.tracer import tracer


async def run(settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Record until stopped."""
    stamina.instrumentation.set_on_retry_hooks([])  # that the database is away is said once
    config = settings.section("recorder", RecorderConfig)
    session = settings.session
    age_max_s = settings.section("log", StreamLimits).age_max_s
    url = settings.database_url()
    pool = await open_pool(url, name="recorder")
    log = await Log.connect(
        settings.nats_url,
        partition=session.partition,
        name="recorder",
        past=DatabasePast(settings.database_url),
        rest_s=config.rest_ms / 1000,
    )
    try:
        key = CursorKey(session.session_id, NAME, session.partition)
        database = Database(pool, url, key, config.retry_interval_ms_max / 1000, config.tier_min)
        with log.refusals():
            archiver = Archiver(log, Archive(pool), age_max_s)
            await Recorder(log, database, config, archiver, tracer()).run(stop)
    finally:
        await log.close()
        pool.terminate()


if __name__ == "__main__":
    run_process("recorder", run, yielding=True)
