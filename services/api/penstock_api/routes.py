"""The session's state, from the replica, and its history, from the database."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from penstock_contracts.types import InstrumentKey, Name
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.pool import is_lost
from penstock_runtime.store.queries import FillRow, OrderRow, Page, PageCursor, Scope, SignalRow
from penstock_runtime.store.tier import detect_tier
from pydantic import BaseModel, ConfigDict, Field

from penstock_api.context import Context, context_of
from penstock_api.views import (
    PositionAnswer,
    SessionAnswer,
    StateAnswer,
    positions_of,
    session_of,
    state_of,
)

router = APIRouter(prefix="/api/v1", tags=["session"])


class PageRequest(BaseModel):
    """Which rows, and from where on."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=100, ge=1, le=1_000)
    cursor: str | None = Field(default=None, max_length=100)
    """`next_cursor` of the page before."""
    strategy: Name | None = None
    instrument: InstrumentKey | None = None

    @property
    def after(self) -> PageCursor | None:
        """The place after which the page begins. BadPageCursor for what is none."""
        return None if self.cursor is None else PageCursor.parse(self.cursor)

    @property
    def scope(self) -> Scope:
        """The rows that are asked for."""
        return Scope(self.strategy, self.instrument)


Paging = Annotated[PageRequest, Query()]


@router.get("/session")
async def session(request: Request) -> SessionAnswer:
    """The session that runs."""
    context = context_of(request)
    return session_of(context.feed.replica, await _tier(context))


@router.get("/state")
async def state(request: Request) -> StateAnswer:
    """Trading state, money, prices, working orders, counts: now."""
    feed = context_of(request).feed
    return state_of(feed.replica, feed.backlog)


@router.get("/positions")
async def positions(request: Request) -> Page[PositionAnswer]:
    """Every position of the session, flat ones too."""
    return Page(positions_of(context_of(request).feed.replica), None)


@router.get("/orders")
async def orders(request: Request, paging: Paging) -> Page[OrderRow]:
    """Orders, newest first."""
    context = context_of(request)
    return await context.queries.orders(
        _session(context), paging.scope, limit=paging.limit, after=paging.after
    )


@router.get("/fills")
async def fills(request: Request, paging: Paging) -> Page[FillRow]:
    """Fills, newest first."""
    context = context_of(request)
    return await context.queries.fills(
        _session(context), paging.scope, limit=paging.limit, after=paging.after
    )


@router.get("/signals")
async def signals(request: Request, paging: Paging) -> Page[SignalRow]:
    """Signals with their outcomes, newest first."""
    context = context_of(request)
    return await context.queries.signals(
        _session(context), paging.scope, limit=paging.limit, after=paging.after
    )


def _session(context: Context) -> str:
    session_id = context.feed.replica.session.session_id
    if not session_id:
        raise Unavailable("the log is still being read from the session's beginning")
    return session_id


async def _tier(context: Context) -> str | None:
    try:
        return await detect_tier(context.pool)
    except Exception as error:
        if is_lost(error):
            return None
        raise
