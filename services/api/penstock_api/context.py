"""What every request may use: made once, at the app's foot."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Request
from penstock_runtime.board import Board
from penstock_runtime.log import Log
from penstock_runtime.log.standing import Standing
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import Queries
from penstock_runtime.store.records import Records
from penstock_runtime.store.schema import Schema
from penstock_runtime.store.tier import Tier

from penstock_api.access.browser import Cookies
from penstock_api.access.tokens import TokenFile
from penstock_api.charts import Charts
from penstock_api.config import ApiConfig
from penstock_api.feed import Feed
from penstock_api.sharing import Shared

if TYPE_CHECKING:
    from penstock_api.giving import Given


@dataclass(frozen=True, slots=True)
class Context:
    """The log, the replica that it feeds, the services' reports, and the database."""

    config: ApiConfig
    log: Log
    feed: Feed
    board: Board
    pool: Pool
    queries: Queries
    records: Records
    database: Shared[tuple[Schema, Tier]]
    """How the database stands; Unavailable when it is away, or not migrated."""
    tier: Shared[Tier]
    """What the database can do, migrated or not; Unavailable when it is away."""
    streams: Shared[list[Standing]]
    charts: Charts
    tokens: TokenFile
    cookies: Cookies
    given: "Given"
    data_dir: Path | None = None


def context_of(request: Request) -> Context:
    """The context of the app that a request came to."""
    context: Context = request.app.state.context
    return context
