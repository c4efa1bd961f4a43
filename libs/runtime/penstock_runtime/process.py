"""A service as a process: settings, log file, signals, exit code."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from penstock_runtime import failpoints, health, logs
from penstock_runtime.errors import RuntimeFailure, SessionOver
from penstock_runtime.metrics.outlets import OUTLETS
from penstock_runtime.settings import ServiceSettings, load
from penstock_runtime.yielding import give_way

_log = structlog.get_logger(__name__)

Body = Callable[[ServiceSettings, asyncio.Event], Awaitable[None]]
"""The service's work: ends soon after the event is set, or raises what makes going on impossible."""


def run_process(name: str, body: Body, *, yielding: bool = False) -> None:
    """Run a service as this process; exits with a code of `penstock_runtime.errors`.

    One that is `yielding` leaves the processor to those that trade while they want it.
    """
    if yielding:
        give_way()
    sys.exit(uvloop.run(_main(name, body)))


async def _main(name: str, body: Body) -> int:
    try:
        settings = load()
        logs.configure(name, settings.log_file, settings.log_level)
        health.write_to(settings.health_file)
        failpoints.arm(name)
        OUTLETS.open()
        stop = asyncio.Event()
        _install_stop(stop)
        _tame_collector()
        await body(settings, stop)
    except RuntimeFailure as error:
        return _stopped(name, error)
    except Exception as error:
        cause = _first_failure(error)
        if cause is not None:
            return _stopped(name, cause)
        _log.exception("crashed")
        return 1
    finally:
        OUTLETS.close()
    return 0


def _stopped(name: str, error: RuntimeFailure) -> int:
    if isinstance(error, SessionOver):
        _log.info("session_over", reason=str(error))
    else:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201  (also before there is a log)
        _log.error("stopped", error=str(error), kind=type(error).__name__)
    return error.exit_code


def _first_failure(error: BaseException) -> RuntimeFailure | None:
    """The failure inside a task group's exception, if that is what it is."""
    if isinstance(error, RuntimeFailure):
        return error
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inside if (found := _first_failure(each)) is not None), None)


def _install_stop(stop: asyncio.Event) -> None:
    """Have SIGTERM drain. (A terminal's Ctrl-C reaches the launcher as well, and that decides.)"""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)


def _tame_collector() -> None:
    """What was imported lives as long as the process: keep the collector from walking it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
