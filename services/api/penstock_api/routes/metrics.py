"""What Prometheus reads: the metrics of every service of the session, from what each last said of itself."""

from typing import Any

from fastapi import APIRouter, Request, Response
from penstock_runtime.metrics import samples
from penstock_runtime.metrics.exposition import CONTENT_TYPE, text

from penstock_api.access.roles import VIEWER
from penstock_api.context import context_of

router = APIRouter(tags=["health"], dependencies=[VIEWER])


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """The metrics of all services, for Prometheus: one target serves a session in any topology."""
    reports: list[dict[str, Any]] = [
        each.model_dump(mode="json") for each in context_of(request).board.reports.values()
    ]
    found = [sample for report in reports for sample in samples(report)]
    return Response(text(sorted(found, key=lambda each: each.name)), media_type=CONTENT_TYPE)
