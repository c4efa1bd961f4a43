"""An order's trace, for its waterfall: each step from the tick to the fill, by the wall clock."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from penstock_contracts.types import Id
from penstock_runtime.tracing.reading import order_spans
from penstock_runtime.tracing.spans import Span
from pydantic import BaseModel, ConfigDict

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of
from penstock_api.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["orders"], dependencies=[VIEWER])


class SpanAnswer(BaseModel):
    """A step; times are wall times, ns."""

    model_config = ConfigDict(frozen=True)

    span_id: str
    parent_id: str
    """Empty for the first."""
    service: str
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str | int]


class TraceAnswer(BaseModel):
    """The steps of an order, in the log's order."""

    model_config = ConfigDict(frozen=True)

    trace_id: str
    spans: list[SpanAnswer]


@router.get("/orders/{order_id}/trace")
async def trace(request: Request, order_id: Annotated[Id, Path()]) -> TraceAnswer:
    """The trace of an order: from the tick over signal and approval to its fills."""
    recent = request.app.state.hub.recent.orders.get(order_id)
    spans = await order_spans(context_of(request).log, order_id, recent.sequence if recent else None)
    if not spans:
        raise Problem(404, f"the log has no order {order_id}")
    return TraceAnswer(trace_id=spans[-1].trace_id, spans=[_answer(each) for each in spans])


def _answer(span: Span) -> SpanAnswer:
    return SpanAnswer(**{name: getattr(span, name) for name in SpanAnswer.model_fields})
