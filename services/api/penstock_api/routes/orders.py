"""Orders and fills."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from penstock_runtime.store.explaining import NotKnown, explain
from penstock_runtime.store.queries import FillRow, OrderRow

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of
from penstock_api.problems import Problem
from penstock_api.routes.paging import ScopedPaging, items, session_of_request
from penstock_api.routes.placing import OrderId
from penstock_api.views.base import Items
from penstock_api.views.orders import OrderAnswer, WorkingAnswer, shown, working_of

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


@router.get("/orders/{order_id}")
async def order(request: Request, order_id: OrderId) -> OrderAnswer:
    """One order, and what happened to it."""
    context = context_of(request)
    session = session_of_request(context)
    found = await context.records.order(session, order_id)
    if found is None:
        raise Problem(404, f"there is no order {order_id}")
    return OrderAnswer(order=found, events=await context.queries.order_events(session, order_id))


@router.get("/orders/{order_id}/explain")
async def explanation(request: Request, order_id: OrderId) -> dict[str, Any]:
    """Why an order was sent, everything known at that moment, and what became of it."""
    context = context_of(request)
    try:
        found = await explain(context.pool, order_id, session_of_request(context))
    except NotKnown as error:
        raise Problem(404, str(error)) from error
    return {name: shown(value) for name, value in asdict(found).items()}


@router.get("/fills")
async def fills(request: Request, paging: ScopedPaging) -> Items[FillRow]:
    """Fills, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    page = await context.queries.fills(session, paging.scope, limit=paging.limit, after=paging.after)
    return items(page)
