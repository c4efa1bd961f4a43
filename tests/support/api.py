"""A served api in a test, and who plays risk for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from penstock_api.config import ApiConfig
from penstock_api.server import POOL, serve
from penstock_contracts.control import Command
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.types import TradingState
from penstock_runtime.embedded.server import free_port
from penstock_runtime.log import Log
from penstock_runtime.store.pool import open_pool
from support.messages import START
from support.store import SessionLog, session_log


@dataclass
class Api:
    """A served api, a client of it, and the log that it reads."""

    client: httpx.AsyncClient
    session: SessionLog
    task: "asyncio.Task[None]"
    stop: asyncio.Event

    async def ready(self) -> httpx.Response:
        """Ask until it is ready."""
        async with asyncio.timeout(120):
            while (answer := await self.client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.01)
        return answer

    async def knows(self, path: str, expected: object, *keys: str | int) -> None:
        """Ask for the state until something in it is as expected."""
        found: object = None
        try:
            async with asyncio.timeout(120):
                while found != expected:
                    found = (await self.client.get(path)).json()
                    for key in keys:
                        found = found[key]  # type: ignore[index]
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{path}: {found!r}, not {expected!r}") from None


CONFIG = ApiConfig(port=0, command_timeout_s=0.5)


@asynccontextmanager
async def served(nats_url: str, postgres_url: str, **more: Any) -> AsyncIterator[Api]:
    """An api on a log in which a session has begun."""
    port = free_port()
    async with session_log(nats_url) as session:
        log = await Log.connect(nats_url, name="api")
        pool = await open_pool(postgres_url, name="api", settings=POOL)
        stop = asyncio.Event()
        config = CONFIG.model_copy(update={"port": port})
        task = asyncio.create_task(serve(config, log, pool, stop, **more))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield Api(client, session, task, stop)
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
        await log.close()
        pool.terminate()


async def answer_next(session: SessionLog, *, accepted: bool = True, **changes: Any) -> Command:
    """Be risk: say to the first command of the log what becomes of it."""
    command = await _next_command(session)
    state = {"halt": TradingState.HALTED, "flatten": TradingState.REDUCING, "resume": TradingState.ACTIVE}
    change = TradingStateChanged(
        ts=START,
        state=state.get(command.verb, TradingState.ACTIVE) if accepted else TradingState.HALTED,
        previous=TradingState.ACTIVE,
        reason=command.reason or "operator" if accepted else "halted: flatten needs override",
        command_id=command.command_id,
        accepted=accepted,
        **changes,
    )
    await session.put("ord", change)
    return command


async def _next_command(session: SessionLog) -> Command:
    reader = await session.log.reader(("ctl",))
    try:
        async with asyncio.timeout(120):
            while True:
                delivered = reader.poll()
                if delivered is None:
                    await reader.wait(1.0)
                elif delivered.kind == "command":
                    command: Command = delivered.decode()
                    return command
    finally:
        await reader.stop()
