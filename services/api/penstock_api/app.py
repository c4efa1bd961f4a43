"""The application: routers, errors, bounds. Nothing connects here."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI
from penstock_runtime.board import Board
from penstock_runtime.log import Log
from penstock_runtime.log.standing import standings
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import Queries
from penstock_runtime.store.records import Records

from penstock_api import openapi, problems
from penstock_api.access.browser import Cookies
from penstock_api.access.gate import Gate, GateMiddleware
from penstock_api.access.tokens import FILE, TokenFile
from penstock_api.access.trail import Trail, TrailMiddleware
from penstock_api.bounds import Bounds
from penstock_api.charts import Charts
from penstock_api.config import ApiConfig
from penstock_api.context import Context
from penstock_api.dashboard import router as dashboard
from penstock_api.feed import Feed
from penstock_api.giving import Given
from penstock_api.headers import AnswerHeaders
from penstock_api.routes import (
    access,
    commands,
    health,
    market,
    metrics,
    money,
    operation,
    orders,
    placing,
    reports,
    risk,
    session,
    signals,
    strategies,
    traces,
)
from penstock_api.sharing import Shared
from penstock_api.streaming import Hub
from penstock_api.streaming import router as streaming

ROUTERS = (
    health.router,
    access.router,
    session.router,
    market.router,
    money.router,
    signals.router,
    orders.router,
    traces.router,
    placing.router,
    strategies.router,
    risk.router,
    commands.router,
    operation.router,
    reports.router,
    metrics.router,
    streaming,
    dashboard,
)


def create_app(
    config: ApiConfig, log: Log, feed: Feed, board: Board, pool: Pool, *, data_dir: Path | None = None
) -> FastAPI:
    """The api over a log, the feed that reads it, the services' reports, and a database."""
    app = FastAPI(
        title="Penstock", version="1", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    tokens = TokenFile(config.tokens_file or (data_dir or Path()) / FILE)
    cookies, queries = Cookies(data_dir), Queries(pool)
    app.state.context = Context(
        config=config,
        log=log,
        feed=feed,
        board=board,
        pool=pool,
        queries=queries,
        records=Records(pool),
        database=Shared(queries.check),
        tier=Shared(queries.tier),
        streams=Shared(partial(standings, log)),
        charts=Charts(pool),
        tokens=tokens,
        cookies=cookies,
        given=Given(),
        data_dir=data_dir,
    )
    app.state.hub = Hub(feed, board, log)
    problems.install(app)
    # The last that is added sees a request first.
    app.add_middleware(
        Bounds,
        bytes_max=config.body_bytes_max,
        body_timeout_s=config.body_timeout_s,
        timeout_s=config.request_timeout_s,
    )
    app.add_middleware(GateMiddleware, gate=Gate(config, tokens, cookies))
    trail = app.state.trail = Trail(log)
    app.add_middleware(TrailMiddleware, trail=trail, routes=openapi.routes_of(app))
    app.add_middleware(AnswerHeaders)
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    return app
