"""Commands to the whole session, or to a part of it. Each goes through the log and acts at the next mark."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from penstock_contracts.types import InstrumentKey, Line, Name, Slug
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from penstock_api.access.roles import OPERATOR, RISK_ADMIN, Caller, Role
from penstock_api.giving import give
from penstock_api.problems import Problem
from penstock_api.views.commands import CommandAnswer

router = APIRouter(prefix="/api/v1", tags=["commands"])

Reason = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="The same key gives the same answer, and the command is carried out once.",
    ),
]
PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": CommandAnswer, "description": "It is in the log; nothing was heard of it yet."}
}


class CommandBody(BaseModel):
    """What every command may say."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"examples": [{"reason": "the desk asked for it"}]},
    )

    reason: Line = ""
    """Kept in the audit."""


class FilteredBody(CommandBody):
    """A part of the account: what meets all the filters that are given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "news", "instrument": "btc-usdt.binance"}]}
    )

    venue: Slug | None = None
    instrument: InstrumentKey | None = None
    underlying: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,16}$")] | None = None
    """Base currency of the instruments."""
    strategy: Name | None = None

    @property
    def filters(self) -> dict[str, str | None]:
        """The filters, as fields of the command."""
        return self.model_dump(include={"venue", "instrument", "underlying", "strategy"})


class ResumeBody(FilteredBody):
    """Trade again: all, or the holds that lie within a part."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the feed is back"}]})

    reason: Reason
    """Why trading may go on; kept in the audit."""


class FlattenBody(FilteredBody):
    """Cancel what works and close what is open."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "end of the week", "override": False}]}
    )

    override: bool = False
    """Also while trading is halted: takes a risk admin."""


@router.post("/halt", responses=PENDING, dependencies=[OPERATOR])
async def halt(request: Request, response: Response, body: FilteredBody, key: Key = None) -> CommandAnswer:
    """Stop trading, or a part of it: no new order, working orders are cancelled, positions stay."""
    return await give(request, response, "halt", body.reason, key, **body.filters)


@router.post("/reduce", responses=PENDING, dependencies=[OPERATOR])
async def reduce(request: Request, response: Response, body: FilteredBody, key: Key = None) -> CommandAnswer:
    """Let pass only what brings a position nearer to zero; with filters, in that part."""
    return await give(request, response, "reduce", body.reason, key, **body.filters)


@router.post("/resume", responses=PENDING, dependencies=[RISK_ADMIN])
async def resume(request: Request, response: Response, body: ResumeBody, key: Key = None) -> CommandAnswer:
    """Trade again after a halt or a reduction; with filters, what is held within that part."""
    return await give(request, response, "resume", body.reason, key, **body.filters)


@router.post("/flatten", responses=PENDING, dependencies=[OPERATOR])
async def flatten(request: Request, response: Response, body: FlattenBody, key: Key = None) -> CommandAnswer:
    """Cancel what works and close all positions at market; the session then only reduces, until resumed."""
    caller: Caller = request.state.caller
    if body.override and not caller.role.allows(Role.RISK_ADMIN):
        raise Problem(403, f"{caller.name} has the role {caller.role}; the override takes {Role.RISK_ADMIN}")
    return await give(request, response, "flatten", body.reason, key, override=body.override, **body.filters)


@router.post("/close", responses=PENDING, dependencies=[OPERATOR])
async def close(request: Request, response: Response, body: FilteredBody, key: Key = None) -> CommandAnswer:
    """Close the positions of a part of the account; the rest trades on."""
    return await give(request, response, "close", body.reason, key, **body.filters)


@router.post("/cancel", responses=PENDING, dependencies=[OPERATOR])
async def cancel(request: Request, response: Response, body: FilteredBody, key: Key = None) -> CommandAnswer:
    """Cancel the working orders of a part of the account; without filters, all."""
    return await give(request, response, "cancel", body.reason, key, **body.filters)
