"""What an operator looks after: services and streams, the audit, what could not be read, sessions."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from penstock_contracts.types import Name
from penstock_runtime.log.dead_letters import DeadLetters
from penstock_runtime.store.queries import SessionRow
from penstock_runtime.store.records import AuditRow, QuarantineRow

from penstock_api.access.roles import OPERATOR, VIEWER
from penstock_api.context import context_of
from penstock_api.routes.health import reasons_of
from penstock_api.routes.paging import PageRequest, Paging, items, session_of_request
from penstock_api.views.base import Items
from penstock_api.views.operation import (
    DeadLetterAnswer,
    HealthAnswer,
    health_of,
    letter_of,
    services_of,
)

router = APIRouter(prefix="/api/v1", tags=["operation"], dependencies=[VIEWER])


class AuditRequest(PageRequest):
    """Whose part of the audit."""

    who: Name | None = None
    """Only what this one did: an operator's token, `risk`, a strategy."""


@router.get("/health")
async def health(request: Request) -> HealthAnswer:
    """Every service and stream: whether it works, how far it is, how much waits for it."""
    context = context_of(request)
    feed = context.feed
    services, streams = services_of(context.board), await context.streams.get()
    healthy, reasons = health_of(feed.replica, services, await reasons_of(context, context.database.get))
    return HealthAnswer(
        healthy=healthy,
        reasons=reasons,
        services=services,
        streams=streams,
        marks=dict(feed.replica.marks),
        backlog=feed.backlog,
        unreadable=feed.unreadable,
    )


@router.get("/audit")
async def audit(request: Request, paging: Annotated[AuditRequest, Query()]) -> Items[AuditRow]:
    """Every command and every change of the trading state, in the log's order, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    page = await context.records.audit(session, who=paging.who, limit=paging.limit, after=paging.after)
    return items(page)


@router.get("/dlq", dependencies=[OPERATOR])
async def dead_letters(request: Request) -> Items[DeadLetterAnswer]:
    """Messages of market data, features and signals that could not be read, the oldest first."""
    letters = await DeadLetters(context_of(request).log).all()
    return Items(items=[letter_of(each) for each in letters[:1_000]])


@router.get("/quarantine")
async def quarantine(request: Request, paging: Paging) -> Items[QuarantineRow]:
    """Rows of the sources that were not believed, newest first."""
    context = context_of(request)
    session = session_of_request(context, paging.session)
    return items(await context.records.quarantine(session, limit=paging.limit, after=paging.after))


@router.get("/sessions")
async def sessions(request: Request, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Items[SessionRow]:
    """The sessions that the database knows, the last one first."""
    return Items(items=await context_of(request).queries.sessions(limit))
