"""Typed read queries over the projection, for the api and the command line."""

from penstock_runtime.store.queries.pages import BadPageCursor, Page, PageCursor
from penstock_runtime.store.queries.queries import Queries, Scope
from penstock_runtime.store.queries.tables import (
    FillRow,
    OrderEventRow,
    OrderRow,
    PnlRow,
    PositionRow,
    RefusalRow,
    SessionRow,
    SignalRow,
)

__all__ = [
    "Queries",
    "Scope",
    "Page",
    "PageCursor",
    "BadPageCursor",
    "SessionRow",
    "SignalRow",
    "RefusalRow",
    "OrderRow",
    "OrderEventRow",
    "FillRow",
    "PositionRow",
    "PnlRow",
]
