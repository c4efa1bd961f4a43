"""Whether the process lives, and whether it can answer for the session."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from penstock_runtime.errors import Unavailable

from penstock_api.context import Context, context_of
from penstock_api.problems import problem

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """The log is read to its end, and the database answers; 503 with the reasons otherwise.

    Tells what the database is: plain PostgreSQL, or TimescaleDB under one of its two licences.
    """
    context = context_of(request)
    reasons = await reasons_of(context, context.queries.check)
    if reasons:
        return problem(503, "; ".join(reasons), reasons=reasons)
    schema, tier = await context.database.get()
    database = {"tier": tier, "schema": schema.standing, "migration": schema.applied[-1]}
    return JSONResponse({"status": "ready", "database": database})


async def reasons_of(context: Context, check: Callable[[], Awaitable[object]]) -> list[str]:
    """Why the api cannot answer for the session; empty when it can. `check` asks how the database stands."""
    reasons = []
    if not context.feed.connected:
        reasons.append("the log is not connected")
    elif not context.feed.caught_up:
        reasons.append("the log is still being read from the session's beginning")
    if context.feed.backlog > context.config.lag_messages_max:
        reasons.append(f"{context.feed.backlog} messages of the log wait to be read")
    try:
        await check()
    except Unavailable as error:
        reasons.append(str(error))
    return reasons
