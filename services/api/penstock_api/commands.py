"""Commands: written to the log, answered with what risk says to them."""

import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Request, Response
from penstock_contracts.control import Command, Verb
from penstock_contracts.types import InstrumentKey, Line, Name
from pydantic import BaseModel, ConfigDict, StringConstraints

from penstock_api.context import Context, context_of
from penstock_api.problems import Problem
from penstock_api.views import CommandAnswer

router = APIRouter(prefix="/api/v1", tags=["commands"])

_NS_PER_S = 1_000_000_000
Reason = Annotated[Line, StringConstraints(strip_whitespace=True, min_length=1)]


class HaltRequest(BaseModel):
    """Stop trading: no new order, working orders are cancelled, positions stay."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = ""


class ResumeRequest(BaseModel):
    """Trade again; the reason is kept in the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class FlattenRequest(BaseModel):
    """Cancel what works and close what is open, of everything or of a part."""

    model_config = ConfigDict(extra="forbid")

    reason: Line = ""
    instrument: InstrumentKey | None = None
    strategy: Name | None = None
    override: bool = False
    """Also while trading is halted."""


@router.post("/halt", responses={202: {"model": CommandAnswer}})
async def halt(request: Request, response: Response, body: HaltRequest) -> CommandAnswer:
    """Halt trading."""
    return await _give(context_of(request), response, _command(request, "halt", body.reason))


@router.post("/resume", responses={202: {"model": CommandAnswer}})
async def resume(request: Request, response: Response, body: ResumeRequest) -> CommandAnswer:
    """Resume trading."""
    return await _give(context_of(request), response, _command(request, "resume", body.reason))


@router.post("/flatten", responses={202: {"model": CommandAnswer}})
async def flatten(request: Request, response: Response, body: FlattenRequest) -> CommandAnswer:
    """Close positions."""
    command = _command(request, "flatten", body.reason, body)
    return await _give(context_of(request), response, command)


def _command(request: Request, verb: Verb, reason: str, scope: FlattenRequest | None = None) -> Command:
    now = time.time_ns()
    return Command(
        command_id=f"c-{secrets.token_hex(10)}",
        verb=verb,
        ts_issued=now,
        ts_expires=now + int(context_of(request).config.command_expiry_s * _NS_PER_S),
        by="api",
        reason=reason,
        instrument=scope.instrument if scope else None,
        strategy=scope.strategy if scope else None,
        override=scope.override if scope else False,
    )


async def _give(context: Context, response: Response, command: Command) -> CommandAnswer:
    """Write the command and wait for its answer. Problem 409 when risk refuses it."""
    await context.log.publish_command(command)
    answer = await context.feed.answer(command.command_id, context.config.command_timeout_s)
    if answer is None:
        response.status_code = 202
        state = context.feed.replica.trading_state
        return CommandAnswer(command_id=command.command_id, outcome="pending", state=state)
    if not answer.accepted:
        raise Problem(409, answer.reason, command_id=command.command_id, state=answer.state)
    return CommandAnswer(
        command_id=command.command_id,
        outcome="accepted",
        state=answer.state,
        previous=answer.previous,
        reason=answer.reason,
        ts=answer.ts,
    )
