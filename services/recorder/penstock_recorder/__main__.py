"""The recorder: brings the database up to date, then writes the log to it."""

import asyncio

from penstock_runtime.log import Log
from penstock_runtime.process import run_process
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.store.pool import open_pool

from penstock_recorder.config import RecorderConfig
from penstock_recorder.service import Recorder


async def run(settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Record until stopped."""
    config = settings.section("recorder", RecorderConfig)
    session = settings.session
    pool = await open_pool(settings.postgres_url, name="recorder")
    log = await Log.connect(settings.nats_url, partition=session.partition, name="recorder")
    try:
        recorder = Recorder(log, pool, settings.postgres_url, config, session.session_id)
        await recorder.run(stop)
    finally:
        await log.close()
        pool.terminate()


if __name__ == "__main__":
    run_process("recorder", run)
