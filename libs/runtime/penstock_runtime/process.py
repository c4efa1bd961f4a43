"""A service that is no stage (recorder, api) as a process: settings, logs, signals, exit codes."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from penstock_runtime import logs
from penstock_runtime.errors import RuntimeFailure, SessionOver
from penstock_runtime.service import install_stop, tame_collector
from penstock_runtime.settings import ServiceSettings, load

_log = structlog.get_logger(__name__)

Body = Callable[[ServiceSettings, asyncio.Event], Awaitable[None]]
"""The service's work: ends soon after the event is set, or raises what makes going on impossible."""


def run_process(name: str, body: Body) -> None:
    """Run a service as this process; exits with the documented code."""
    sys.exit(uvloop.run(_main(name, body)))


async def _main(name: str, body: Body) -> int:
    try:
        settings = load()
        logs.configure(name, settings.log_file)
        stop = asyncio.Event()
        install_stop(stop.set)
        tame_collector()
        await body(settings, stop)
    except SessionOver as error:
        _log.info("session_over", reason=str(error))
    except RuntimeFailure as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201  (also before there is a log)
        _log.error("stopped", error=str(error), kind=type(error).__name__)
        return error.exit_code
    except Exception:
        _log.exception("crashed")
        return 1
    return 0
