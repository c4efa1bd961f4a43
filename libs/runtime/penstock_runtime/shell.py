"""A service as a process: settings, log file, connection, signals, exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable
from typing import Protocol

import structlog
import uvloop

from penstock_runtime import logs
from penstock_runtime.drivers import Driver
from penstock_runtime.errors import RuntimeFailure, SessionOver
from penstock_runtime.log import Log
from penstock_runtime.service import StageService
from penstock_runtime.settings import ServiceSettings, load

_log = structlog.get_logger(__name__)


class Runnable(Protocol):
    """What a process runs."""

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
    """Run a stage's service as this process; exits with a code of `penstock_runtime.errors`."""
    run_shell(name, lambda log, settings: StageService(name, build(settings), log, settings))


def run_shell(name: str, build: Build) -> None:
    """Run anything that starts, runs and stops as this process; exits with a code of the errors."""
    sys.exit(uvloop.run(_main(name, build)))


async def _main(name: str, build: Build) -> int:
    try:
        settings = load()
        partition = settings.session.partition
    except RuntimeFailure as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201  (there is no log yet)
        return error.exit_code
    logs.configure(name, settings.log_file)
    try:
        log = await Log.connect(settings.nats_url, partition=partition, name=name)
        service = build(log, settings)
        await service.start()
        install_stop(service.stop)
        tame_collector()
        await service.run()
        await log.close()
    except SessionOver as error:
        _log.info("session_over", reason=str(error))
    except RuntimeFailure as error:
        _log.error("stopped", error=str(error), kind=type(error).__name__)
        return error.exit_code
    except Exception:
        _log.exception("crashed")
        return 1
    return 0


def install_stop(stop: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT drain. (A terminal's Ctrl-C reaches the launcher, which decides.)"""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, lambda: None)


def tame_collector() -> None:
    """What was imported lives as long as the process: keep the collector from walking it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
