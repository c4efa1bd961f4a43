"""Feed and web server together: when one ends, so does the other."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI
from penstock_runtime.board import Board, listen
from penstock_runtime.errors import BadConfiguration
from penstock_runtime.health import Health, report_for_ever
from penstock_runtime.log import Log
from penstock_runtime.store.pool import Pool, PoolSettings

from penstock_api.access.gate import check_bind
from penstock_api.alerts.config import AlertsConfig
from penstock_api.alerts.watch import AlertWatch
from penstock_api.app import create_app
from penstock_api.config import ApiConfig
from penstock_api.feed import Feed
from penstock_api.tracing import traced

_log = structlog.get_logger(__name__)

NAME = "api"
POOL = PoolSettings(connections_max=8, reads_only=True)
"""How the api uses the database: it only reads."""
_DRAIN_S = 3
_BACKLOG = 128


class _WebServer(uvicorn.Server):
    """Signals are the process's, not the web server's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve(
    config: ApiConfig,
    log: Log,
    pool: Pool,
    stop: asyncio.Event,
    *,
    data_dir: Path | None = None,
    alerts: AlertsConfig = AlertsConfig(),  # noqa: B008
) -> None:
    """Serve until stopped, then finish the requests that run.

    Raises BadConfiguration where the address is taken or open to others without tokens, and whatever ended
    the feed.
    """
    feed, board = Feed(log), Board()
    health = Health(NAME)
    watch = AlertWatch(alerts, log, feed, board, data_dir)
    app = create_app(config, log, feed, board, pool, data_dir=data_dir)
    check_bind(config, app.state.context.tokens)
    with _listen(config) as listener, traced(app, NAME):
        url = f"http://{config.host}:{listener.getsockname()[1]}"
        web = _web_server(config, app)
        await listen(log, board)
        await app.state.hub.start()

        def refresh() -> None:
            health.state = "running" if feed.caught_up else "catching up"
            health.mark = max(feed.replica.marks.values(), default=0)
            health.lag, health.events, health.errors = feed.backlog, feed.taken, feed.unreadable
            health.view = {"url": url, "alerts": watch.view()}

        reporting = asyncio.create_task(report_for_ever(health, log, refresh), name="health")
        serving = asyncio.create_task(web.serve(sockets=[listener]), name="web")
        feeding = asyncio.create_task(feed.run(stop), name="feed")
        _log.info("serving", url=url)
        try:
            async with watch.running(), app.state.trail.running():
                await asyncio.wait({serving, feeding}, return_when=asyncio.FIRST_COMPLETED)
            await app.state.hub.close()
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


def _web_server(config: ApiConfig, app: FastAPI) -> _WebServer:
    return _WebServer(
        uvicorn.Config(
            app,
            proxy_headers=bool(config.trusted_proxies),
            forwarded_allow_ips=list(config.trusted_proxies),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_DRAIN_S,
            ws_max_size=config.body_bytes_max,
            # Frames are made once for all clients; compressed, each client would have its own.
            ws_per_message_deflate=False,
        )
    )


def _listen(config: ApiConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise BadConfiguration(f"api: cannot listen on {config.host}:{config.port}: {error}") from error
