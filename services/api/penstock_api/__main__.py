"""The api: what the session is, what it was, and the commands to it."""

import asyncio

from penstock_runtime.log import Log
from penstock_runtime.process import run_process
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.store.archive import DatabasePast
from penstock_runtime.store.pool import open_pool

from penstock_api.alerts.config import AlertsConfig
from penstock_api.config import ApiConfig
from penstock_api.server import NAME, POOL, serve

REST_S = 0.02
"""How long messages wait to be read in one go: trading has the processor first."""


async def run(settings: ServiceSettings, stop: asyncio.Event) -> None:
    """Serve until stopped."""
    config = settings.section("api", ApiConfig)
    pool = await open_pool(settings.database_url(), name=NAME, settings=POOL)
    log = await Log.connect(
        settings.nats_url,
        partition=settings.session.partition,
        name=NAME,
        past=DatabasePast(settings.database_url),
        rest_s=REST_S,
    )
    try:
        with log.refusals():
            alerts = settings.section("alerts", AlertsConfig)
            await serve(config, log, pool, stop, data_dir=settings.data_dir, alerts=alerts)
    finally:
        await log.close()
        pool.terminate()


if __name__ == "__main__":
    run_process(NAME, run, yielding=True)
