"""The application: routers, errors, bounds. Nothing connects here."""

from fastapi import FastAPI
from penstock_runtime.log import Log
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import Queries

from penstock_api import commands, health, problems, routes
from penstock_api.body import BodyLimit
from penstock_api.config import ApiConfig
from penstock_api.context import Context
from penstock_api.feed import Feed


def create_app(config: ApiConfig, log: Log, feed: Feed, pool: Pool) -> FastAPI:
    """The api over a log, the feed that reads it, and a database."""
    app = FastAPI(
        title="Penstock", version="1", docs_url="/api/docs", redoc_url=None, openapi_url="/api/openapi.json"
    )
    app.state.context = Context(config=config, log=log, feed=feed, pool=pool, queries=Queries(pool))
    problems.install(app)
    app.add_middleware(BodyLimit, bytes_max=config.body_bytes_max)
    app.include_router(health.router)
    app.include_router(routes.router)
    app.include_router(commands.router)
    return app
