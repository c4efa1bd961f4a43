"""An order's trace: how it came about, and when each step began and ended."""

from typing import Any

from fastapi import APIRouter, Request
from penstock_runtime.errors import Unavailable
from penstock_runtime.tracing.reading import order_spans

from penstock_api.access.roles import VIEWER
from penstock_api.context import Context, context_of
from penstock_api.problems import Problem
from penstock_api.routes.paging import session_of_request
from penstock_api.routes.placing import OrderId
from penstock_api.views.base import Items, View, view_of

router = APIRouter(prefix="/api/v1", tags=["orders"], dependencies=[VIEWER])


class SpanAnswer(View):
    """One step. Times are wall times, ns."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the first."""
    service: str
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]


@router.get("/orders/{order_id}/trace")
async def trace(request: Request, order_id: OrderId) -> Items[SpanAnswer]:
    """The spans of an order of this session: from the tick, over signal and approval, to its fills."""
    context = context_of(request)
    spans = await order_spans(context.log, order_id, await _approved_at(context, order_id))
    if not spans:
        raise Problem(404, f"there is no order {order_id}")
    return Items(items=[view_of(SpanAnswer, each) for each in spans])


async def _approved_at(context: Context, order_id: str) -> int | None:
    """Where the log has the order's approval, if the database knows; without it the log is searched."""
    try:
        known = await context.records.order(session_of_request(context), order_id)
    except Unavailable:
        return None
    return known.sequence if known is not None else None
