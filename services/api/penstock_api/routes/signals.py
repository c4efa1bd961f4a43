"""Signals, and the refusals among their outcomes."""

from fastapi import APIRouter, Request
from penstock_runtime.store.queries import RefusalRow, SignalRow

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of
from penstock_api.routes.paging import ScopedPaging, items, session_of_request
from penstock_api.views.base import Items

router = APIRouter(prefix="/api/v1", tags=["signals"], dependencies=[VIEWER])


@router.get("/signals")
async def signals(request: Request, paging: ScopedPaging) -> Items[SignalRow]:
    """Signals with their outcomes, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    page = await context.queries.signals(session, paging.scope, limit=paging.limit, after=paging.after)
    return items(page)


@router.get("/refusals")
async def refusals(request: Request, paging: ScopedPaging) -> Items[RefusalRow]:
    """Signals that risk refused, newest first: the rule, its limit, and the value that broke it."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    page = await context.queries.refusals(session, paging.scope, limit=paging.limit, after=paging.after)
    return items(page)
