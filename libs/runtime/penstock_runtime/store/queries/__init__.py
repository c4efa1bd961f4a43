"""Typed read queries over the projection, for the api and the command line."""

from penstock_runtime.store.queries.history import BarRow, Bars, History, Kind, Window
from penstock_runtime.store.queries.pages import BadPageCursor, Page, PageCursor
from penstock_runtime.store.queries.queries import Queries, Scope
from penstock_runtime.store.queries.tables import (
    FillRow,
    OrderEventRow,
    OrderRow,
    PnlRow,
    PositionRow,
    QuoteRow,
    RefusalRow,
    SessionRow,
    SignalRow,
    TradeRow,
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
    "History",
    "Window",
    "Bars",
    "BarRow",
    "Kind",
    "QuoteRow",
    "TradeRow",
]
