"""Orders and fills."""

from fastapi import APIRouter, Request
from penstock_runtime.store.queries import FillRow, OrderRow

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of
from penstock_api.routes.paging import ScopedPaging, items, session_of_request
from penstock_api.views.base import Items
from penstock_api.views.orders import WorkingAnswer, working_of

router = APIRouter(prefix="/api/v1", tags=["orders"], dependencies=[VIEWER])


@router.get("/orders")
async def orders(request: Request, paging: ScopedPaging) -> Items[OrderRow]:
    """Orders, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    page = await context.queries.orders(session, paging.scope, limit=paging.limit, after=paging.after)
    return items(page)


@router.get("/orders/working")
async def working(request: Request) -> Items[WorkingAnswer]:
    """The orders in which something can still happen, by the log: the oldest first."""
    return Items(items=working_of(context_of(request).feed.replica))


@router.get("/fills")
async def fills(request: Request, paging: ScopedPaging) -> Items[FillRow]:
    """Fills, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    page = await context.queries.fills(session, paging.scope, limit=paging.limit, after=paging.after)
    return items(page)
