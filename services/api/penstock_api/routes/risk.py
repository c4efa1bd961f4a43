"""Risk: limits and their use, settings, and their change."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, StringConstraints

from penstock_api.access.roles import RISK_ADMIN, VIEWER
from penstock_api.context import context_of
from penstock_api.giving import give
from penstock_api.routes.commands import PENDING, CommandBody, Key
from penstock_api.views.commands import CommandAnswer
from penstock_api.views.risk import RiskAnswer, SettingsAnswer, risk_of, settings_of

router = APIRouter(prefix="/api/v1", tags=["risk"])

Setting = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,80}$")]
Value = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _no_other_names(schema: dict[str, Any]) -> None:
    """What the pattern of the names means, said in so many words."""
    schema["properties"]["limits"]["additionalProperties"] = False
    schema["examples"] = [{"reason": "calmer", "limits": {"orders_per_minute_max": "60"}}]


class LimitsBody(CommandBody):
    """Settings to change, by name, as text."""

    model_config = ConfigDict(json_schema_extra=_no_other_names)

    limits: dict[Setting, Value] = Field(
        min_length=1, max_length=50, examples=[{"order_notional_fraction_max": "0.1"}]
    )
    """As in the configuration's section `risk`."""


@router.get("/risk", dependencies=[VIEWER])
async def risk(request: Request) -> RiskAnswer:
    """The trading state, and how much of each limit is used."""
    context = context_of(request)
    return risk_of(context.feed.replica, context.board)


@router.get("/risk/settings", dependencies=[VIEWER])
async def settings(request: Request) -> SettingsAnswer:
    """Risk's settings as they hold now."""
    return settings_of(context_of(request).feed.replica)


@router.patch("/risk/settings", responses=PENDING, dependencies=[RISK_ADMIN])
async def change(request: Request, response: Response, body: LimitsBody, key: Key = None) -> CommandAnswer:
    """Change limits while the session runs: all of these, or none."""
    return await give(request, response, "limits", body.reason, key, arguments=dict(body.limits))
