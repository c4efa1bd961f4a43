"""Services of the log as processes."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from penstock_runtime.drivers import Driver
from penstock_runtime.log import Log
from penstock_runtime.process import run_process
from penstock_runtime.service import StageService
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.store.archive import DatabasePast


class Runnable(Protocol):
    """What works on the log."""

    async def start(self) -> None:
        """Make ready. Raises what makes that impossible."""
        ...

    async def run(self) -> None:
        """Work until stopped or done."""
        ...

    def stop(self) -> None:
        """Have `run` drain and return."""
        ...


Build = Callable[[Log, ServiceSettings], Runnable]


def run_service(name: str, build: Callable[[ServiceSettings], Driver]) -> None:
    """Run a stage's service as this process."""
    run_shell(name, lambda log, settings: StageService(name, build(settings), log, settings))


def run_shell(name: str, build: Build) -> None:
    """Run what `build` makes as this process: connect, start, run, and drain when told to stop."""

    async def body(settings: ServiceSettings, stop: asyncio.Event) -> None:
        log = await Log.connect(
            settings.nats_url,
            partition=settings.session.partition,
            name=name,
            past=DatabasePast(settings.database_url) if settings.may_have_database else None,
        )
        service = build(log, settings)
        with log.refusals():
            await service.start()
            watch = asyncio.create_task(_forward(stop, service))
            try:
                await service.run()
            finally:
                watch.cancel()
        await log.close()

    run_process(name, body)


async def _forward(stop: asyncio.Event, service: Runnable) -> None:
    await stop.wait()
    service.stop()
