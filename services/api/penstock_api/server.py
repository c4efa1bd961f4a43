"""Feed and web server together: when one ends, so does the other."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.health import Health, report_for_ever
from penstock_runtime.log import Log
from penstock_runtime.store.pool import Pool

from penstock_api.app import create_app
from penstock_api.config import ApiConfig
from penstock_api.feed import Feed

_log = structlog.get_logger(__name__)

NAME = "api"
_DRAIN_S = 3
_BACKLOG = 128


class _WebServer(uvicorn.Server):
    """Signals are the process's, not the web server's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve(config: ApiConfig, log: Log, pool: Pool, stop: asyncio.Event) -> None:
    """Serve until stopped, then finish the requests that run.

    Raises BadConfiguration where the address is taken, and whatever ended the feed.
    """
    feed = Feed(log)
    health = Health(NAME)
    with _listen(config) as listener:
        url = f"http://{config.host}:{listener.getsockname()[1]}"
        web = _web_server(create_app(config, log, feed, pool))

        def refresh() -> None:
            health.state = "running" if feed.caught_up else "catching up"
            health.mark = max(feed.replica.marks.values(), default=0)
            health.lag, health.events, health.errors = feed.backlog, feed.taken, feed.unreadable
            health.view = {"url": url}

        reporting = asyncio.create_task(report_for_ever(health, log, refresh), name="health")
        serving = asyncio.create_task(web.serve(sockets=[listener]), name="web")
        feeding = asyncio.create_task(feed.run(stop), name="feed")
        _log.info("serving", url=url)
        try:
            await asyncio.wait({serving, feeding}, return_when=asyncio.FIRST_COMPLETED)
            web.should_exit = True
            stop.set()
            await serving
            await feeding
        finally:
            for task in (serving, feeding, reporting):
                task.cancel()
            await asyncio.gather(serving, feeding, reporting, return_exceptions=True)
    health.state = "stopped"
    await health.send(log)


def _web_server(app: FastAPI) -> _WebServer:
    return _WebServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )


def _listen(config: ApiConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise BadConfiguration(f"api: cannot listen on {config.host}:{config.port}: {error}") from error
