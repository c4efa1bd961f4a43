import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from penstock_api.config import ApiConfig
from penstock_api.server import serve
from penstock_runtime.embedded.server import free_port
from penstock_runtime.log import Log
from penstock_runtime.store.pool import open_pool
from support.api import Api
from support.store import session_log

CONFIG = ApiConfig(port=0, command_timeout_s=0.5)


@pytest.fixture
async def api(nats_url: str, postgres_url: str) -> AsyncIterator[Api]:
    """The api on a log in which a session has begun, over a database that nobody has migrated."""
    port = free_port()
    async with session_log(nats_url) as session:
        log = await Log.connect(nats_url, name="api")
        pool = await open_pool(postgres_url, name="api")
        stop = asyncio.Event()
        task = asyncio.create_task(serve(CONFIG.model_copy(update={"port": port}), log, pool, stop))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield Api(client, session, task, stop)
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
        await log.close()
        pool.terminate()
