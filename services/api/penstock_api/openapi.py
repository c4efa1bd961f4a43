"""The OpenAPI document: every error as problem details, with the statuses that the gate and bounds give."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from penstock_api.access.roles import Needs, Role
from penstock_api.problems import MEDIA_TYPE

VERSION = "1"
_REF = {"$ref": "#/components/schemas/Problem"}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Conflict"]},
        "status": {"type": "integer", "examples": [409]},
        "detail": {"type": "string", "examples": ["halt is not possible while halted"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}
_EVERYWHERE = {
    401: "A token is needed, or is not known.",
    403: "The role, the address, the host or the page's origin may not do this.",
    408: "The request's body did not arrive.",
    413: "The request's body is too large.",
    422: "The request is not valid; `errors` names the fields.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    500: "An error of the server; its log says more.",
    503: "The log or the database is away; `Retry-After` says when to ask again.",
    504: "No answer in time.",
}
_WITH_BODY = {400: "The request's body is not JSON."}
_SOMETIMES = {404: "There is no such thing.", 409: "It was refused: `detail` says why."}


def role_of(route: APIRoute) -> Role | None:
    """The role that a route needs; None for one that is open to everybody."""
    roles = [each.call.role for each in route.dependant.dependencies if isinstance(each.call, Needs)]
    return max(roles, key=list(Role).index, default=None)


def routes_of(app: FastAPI) -> Iterator[BaseRoute]:
    """Every route of the app, those of included routers too."""
    return _walk(app.routes)


def _walk(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        included = getattr(route, "original_router", None)  # a router stays whole where it was included
        if included is None:
            yield route
        else:
            yield from _walk(included.routes)


def install(app: FastAPI) -> None:
    """Have the app describe itself."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # as FastAPI asks for


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=VERSION,
        description="A session of Penstock: its state, its history, and commands to it. Times are "
        "nanoseconds UTC, amounts exact decimals as strings.",
        routes=app.routes,
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = _PROBLEM
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "penstock_session"},
    }
    for route in routes_of(app):
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _describe(document["paths"][route.path_format][method.lower()], route, method)
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    return document


def _describe(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    role = role_of(route)
    operation["security"] = [{"token": []}, {"session": []}, {}] if role is not None else []
    if role is not None:
        operation["x-role"] = str(role)
    statuses = dict(_EVERYWHERE)
    if "{" in route.path_format or method in ("POST", "PATCH", "DELETE"):
        statuses |= _SOMETIMES
    if "requestBody" in operation:
        statuses |= _WITH_BODY
    for status, text in statuses.items():
        operation["responses"][str(status)] = {"description": text, "content": {MEDIA_TYPE: {"schema": _REF}}}
    operation["responses"] = dict(sorted(operation["responses"].items()))
