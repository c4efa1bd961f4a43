"""Strategies: seen, and switched."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from penstock_contracts.types import Name
from pydantic import ConfigDict

from penstock_api.access.roles import OPERATOR, VIEWER, Caller, Role
from penstock_api.context import context_of
from penstock_api.giving import give
from penstock_api.problems import Problem
from penstock_api.routes.commands import PENDING, CommandBody, Key
from penstock_api.views.base import Items
from penstock_api.views.commands import CommandAnswer
from penstock_api.views.strategies import StrategyAnswer, strategies_of

router = APIRouter(prefix="/api/v1", tags=["strategies"])

StrategyName = Annotated[Name, Path(examples=["ma_cross"])]


class SwitchOffBody(CommandBody):
    """It is shown no data, and what it wants is held back."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "it trades too much", "close": True}]}
    )

    close: bool = False
    """It is asked to close its positions first; else they stay."""


class ModeBody(CommandBody):
    """Whether what it wants is traded, or booked in a virtual ledger of its own only."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "it proved itself", "mode": "trade"}]}
    )

    mode: Literal["trade", "shadow"]
    """`trade` takes a risk admin."""


@router.get("/strategies", dependencies=[VIEWER])
async def strategies(request: Request) -> Items[StrategyAnswer]:
    """The session's strategies: parameters, mode, on or off, positions and PnL."""
    return Items(items=strategies_of(context_of(request).feed.replica))


@router.get("/strategies/{name}", dependencies=[VIEWER])
async def strategy(request: Request, name: StrategyName) -> StrategyAnswer:
    """One strategy."""
    return _known(request, name)


@router.post("/strategies/{name}/on", responses=PENDING, dependencies=[OPERATOR])
async def switch_on(
    request: Request, response: Response, name: StrategyName, body: CommandBody, key: Key = None
) -> CommandAnswer:
    """Switch a strategy on: it goes on where it was; one that failed starts anew."""
    _known(request, name)
    return await give(request, response, "strategy_on", body.reason, key, strategy=name)


@router.post("/strategies/{name}/off", responses=PENDING, dependencies=[OPERATOR])
async def switch_off(
    request: Request, response: Response, name: StrategyName, body: SwitchOffBody, key: Key = None
) -> CommandAnswer:
    """Switch a strategy off."""
    _known(request, name)
    arguments = {"positions": "close"} if body.close else {}
    return await give(request, response, "strategy_off", body.reason, key, strategy=name, arguments=arguments)


@router.post("/strategies/{name}/mode", responses=PENDING, dependencies=[OPERATOR])
async def switch_mode(
    request: Request, response: Response, name: StrategyName, body: ModeBody, key: Key = None
) -> CommandAnswer:
    """Put a strategy into the shadow, or let it trade; refused while anything of it is open."""
    caller: Caller = request.state.caller
    if body.mode == "trade" and not caller.role.allows(Role.RISK_ADMIN):
        detail = f"{caller.name} has the role {caller.role}; to let a strategy trade takes {Role.RISK_ADMIN}"
        raise Problem(403, detail)
    _known(request, name)
    arguments = {"mode": body.mode}
    return await give(
        request, response, "strategy_mode", body.reason, key, strategy=name, arguments=arguments
    )


def _known(request: Request, name: str) -> StrategyAnswer:
    for each in strategies_of(context_of(request).feed.replica):
        if each.name == name:
            return each
    raise Problem(404, f"the session has no strategy {name}")
