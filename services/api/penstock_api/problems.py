"""Errors as RFC 9457 problem details: what happened, never how the code looks."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from penstock_runtime.errors import Unavailable
from penstock_runtime.store.queries import BadPageCursor
from starlette.exceptions import HTTPException

_log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.more = more or {}
        """Extension members."""


def problem(
    status: int, detail: str = "", headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem details answer; `more` are its extension members."""
    content: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        content["detail"] = detail
    return JSONResponse({**content, **more}, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem(error.status, error.detail, headers=error.headers, **error.more)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail = error.detail if error.detail != HTTPStatus(error.status_code).phrase else ""
    return problem(error.status_code, detail, headers=dict(error.headers or {}))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Without the input: it may be large, or a secret in the wrong place.
    errors = [
        {"field": ".".join(str(part) for part in each["loc"]), "message": each["msg"]}
        for each in error.errors()
    ]
    return problem(422, "the request is not valid", errors=errors)


async def _bad_cursor(_: Request, error: Exception) -> JSONResponse:
    return problem(422, "the request is not valid", errors=[{"field": "query.cursor", "message": str(error)}])


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return problem(503, str(error), headers={"Retry-After": "1"})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_failed", path=request.url.path, exc_info=error)
    return problem(500, "an error of the server; its log says more")


def install(app: FastAPI) -> None:
    """Have every error of the app answered with problem details."""
    app.add_exception_handler(Problem, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadPageCursor, _bad_cursor)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(Exception, _unexpected)
