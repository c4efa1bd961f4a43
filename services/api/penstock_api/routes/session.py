"""The session that runs: what it is, and its state in one answer."""

from fastapi import APIRouter, Request
from penstock_runtime.errors import Unavailable

from penstock_api.access.roles import VIEWER
from penstock_api.context import Context, context_of
from penstock_api.views.session import SessionAnswer, StateAnswer, session_of, state_of

router = APIRouter(prefix="/api/v1", tags=["session"], dependencies=[VIEWER])


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


async def _tier(context: Context) -> str | None:
    try:
        return await context.tier.get()
    except Unavailable:
        return None
