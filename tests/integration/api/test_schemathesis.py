"""The api does what its own description says, whatever it is asked: schemathesis finds nothing."""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest
from penstock_api.config import ApiConfig
from penstock_api.server import serve
from penstock_runtime.embedded.server import free_port
from penstock_runtime.log import Log
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import open_pool
from support.api import Api
from support.message_examples import example
from support.messages import approved, fill, prices, signal
from support.store import SESSION, record, session_log

FOLDER = Path(__file__).parents[2]
STREAMS = ("/api/v1/events",)
"""They do not end."""
ARGUMENTS = (
    "--phases", "examples,fuzzing", "--max-examples", "4", "--seed", "7", "--no-shrink", "--no-color",
    "--generation-database", "none", "--warnings", "off", "--workers", "1", "--max-time", "40",
    # The api of the test asks nobody; who may do what, the matrix of routes and roles tells.
    "--exclude-checks", "ignored_auth",
)  # fmt: skip


@pytest.mark.slow
async def test_schemathesis_finds_nothing(nats_url: str, postgres_url: str, tmp_path: Path) -> None:
    await migrate(postgres_url)
    async with session_log(nats_url) as session:
        log, pool = await Log.connect(nats_url, name="api"), await open_pool(postgres_url, name="api")
        # Nobody answers commands here: whoever gave one is told so at once.
        config, stop = ApiConfig(port=free_port(), command_timeout_s=0.01), asyncio.Event()
        task = asyncio.create_task(serve(config, log, pool, stop))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{config.port}") as client:
            await explore(Api(client, session, task, stop), nats_url, postgres_url, tmp_path)
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
        await log.close()
        pool.terminate()


async def explore(api: Api, nats_url: str, postgres_url: str, folder: Path) -> None:
    await api.session.put("feat", example("feat", "instrument"), prices())
    await api.session.put("sig", signal())
    await api.session.put("ord", approved(), example("ord", "position"), example("ord", "pnl"))
    last = await api.session.put("ven", example("ven", "submitted"), example("ven", "accepted"), fill())
    await record(nats_url, postgres_url, last)
    async with asyncio.timeout(60):
        while not api.task.done():
            try:
                await api.knows("/api/v1/session", SESSION, "session_id")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    url = f"{api.client.base_url}/api/openapi.json"
    program = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
    excluded = [part for path in STREAMS for part in ("--exclude-path", path)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "run", url, *ARGUMENTS, *excluded,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks", "PYTHONPATH": str(FOLDER)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-12_000:]
