"""What every request may use: made once, at the app's foot."""

from dataclasses import dataclass

from fastapi import Request
from penstock_runtime.log import Log
from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries import Queries

from penstock_api.config import ApiConfig
from penstock_api.feed import Feed


@dataclass(frozen=True, slots=True)
class Context:
    """The log, the replica that it feeds, and the database."""

    config: ApiConfig
    log: Log
    feed: Feed
    pool: Pool
    queries: Queries


def context_of(request: Request) -> Context:
    """The context of the app that a request came to."""
    context: Context = request.app.state.context
    return context
