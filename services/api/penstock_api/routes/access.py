"""Who you are, and a browser's signing in and out."""

import time
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from penstock_api.access.browser import COOKIE
from penstock_api.access.roles import VIEWER, Caller
from penstock_api.context import context_of
from penstock_api.problems import Problem
from penstock_api.views.access import MeAnswer, me_of

router = APIRouter(prefix="/api/v1", tags=["access"])

_NS_PER_HOUR = 3_600 * 10**9


class LoginBody(BaseModel):
    """A token, shown once for a browser's session."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"token": "pst_…"}]})

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


@router.get("/me", dependencies=[VIEWER])
async def me(request: Request) -> MeAnswer:
    """Who the api takes you for."""
    caller: Caller = request.state.caller
    return me_of(caller, caller.csrf)


@router.post("/login")
async def login(request: Request, response: Response, body: LoginBody) -> MeAnswer:
    """Sign a browser in: the cookie is for it alone, scripts cannot read it."""
    context, now = context_of(request), time.time_ns()
    record = context.tokens.find(body.token, now)
    if record is None:
        raise Problem(401, "this token is not known")
    expires = now + int(context.config.login_hours * _NS_PER_HOUR)
    value, signed = context.cookies.make(record.name, record.hash, expires)
    response.set_cookie(
        COOKIE,
        value,
        max_age=int(context.config.login_hours * 3_600),
        path="/",
        httponly=True,
        samesite="strict",
        secure=context.config.secure_cookies or request.url.scheme == "https",
    )
    address = request.client.host if request.client is not None else ""
    return me_of(Caller(record.name, record.role, address, "cookie"), signed.csrf)


@router.post("/logout", status_code=204, dependencies=[VIEWER])
async def logout(response: Response) -> None:
    """Sign this browser out."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
