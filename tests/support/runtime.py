"""A session on a real log, driven by the tests: genesis, market data, services as tasks."""

import asyncio
import json
import traceback
from pathlib import Path
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.control import Claim, Session
from penstock_runtime.drivers import Driver
from penstock_runtime.log import Log, LogReader, NumberedWriter, StreamLimits
from penstock_runtime.log.writer import Cause
from penstock_runtime.service import StageService
from penstock_runtime.settings import ServiceSettings


def settings_for(nats_url: str, folder: Path, **options: Any) -> ServiceSettings:
    """Settings of a service over a minimal session."""
    document = {
        "session": {
            "session_id": "test", "currency": "USDT", "capital": "1000", "grid": 100,
            "instruments": [], "strategies": [],
        }
    }  # fmt: skip
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return ServiceSettings(config=path, nats_url=nats_url, data_dir=folder, **options)


async def new_session(log: Log, session_id: str = "test") -> int:
    """Declare the stream and write a genesis; returns its sequence."""
    await log.declare(StreamLimits(bytes_max=1 << 28))
    return await log.write_session(
        Session(phase="genesis", session_id=session_id, ts=1, config_hash="", code_hash="")
    )


async def market_writer(log: Log, succeeds: int) -> NumberedWriter:
    """Claim the market data and return its writer."""
    epoch = await log.claim(Claim(producer="ingest", nonce=f"n{succeeds}", succeeds=succeeds))
    writer = NumberedWriter(log, "ingest", session_id="test", config="")
    writer.begin(epoch, 0, 0)
    writer.live = True
    return writer


def write(writer: NumberedWriter, messages: list[Message], ts: int) -> None:
    """Put messages out and send them."""
    for message in messages:
        writer.put(message, ts, Cause())
    writer.pump()


async def start_service(name: str, driver: Driver, log: Log, settings: ServiceSettings) -> "Running":
    """Run a service as a task of this process."""
    service = StageService(name, driver, log, settings)
    await service.start()
    return Running(service, asyncio.create_task(_run(service)))


async def _run(service: StageService) -> None:
    try:
        await service.run()
    except Exception:
        traceback.print_exc()
        raise


class Running:
    """A service and its task."""

    def __init__(self, service: StageService, task: "asyncio.Task[None]") -> None:
        self.service = service
        self.task = task

    async def kill(self) -> None:
        """Stop it where it is."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def drain(self) -> None:
        """Stop it as SIGTERM does."""
        self.service.stop()
        await self.task


async def taken(reader: LogReader, until: int, timeout_s: float = 120.0) -> dict[str, list[bytes]]:
    """What readers take from each stage, up to its `done` of the mark `until`."""
    result: dict[str, list[bytes]] = {}
    ended: set[str] = set()
    async with asyncio.timeout(timeout_s):
        while len(ended) < 4:
            delivered = reader.poll()
            if delivered is None:
                await reader.wait(1.0)
                continue
            assert delivered.origin is not None
            producer = delivered.origin.producer
            if producer in ended:
                continue
            result.setdefault(producer, []).append(delivered.kind.encode() + delivered.data)
            if delivered.kind == "done" and delivered.decode().ts >= until:
                ended.add(producer)
    return result
