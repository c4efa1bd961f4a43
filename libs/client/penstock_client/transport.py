"""From calls to requests, and from responses to answers: the same for both clients."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import httpx
from pydantic import ValidationError

from penstock_client.calls import Call
from penstock_client.errors import ApiError, ClientError

T = TypeVar("T")
TIMEOUT_S = 30.0
_DATA = "data:"


def headers_of(token: str | None) -> dict[str, str]:
    """What every request carries."""
    return {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}


def request_of(call: Call[Any]) -> dict[str, Any]:
    """The arguments of httpx's `request`."""
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query),
        "json": None if call.body is None else dict(call.body),
        "headers": {} if call.key is None else {"Idempotency-Key": call.key},
    }


def answered(call: Call[T], response: httpx.Response) -> T:
    """What a response says. ApiError when that is an error, ClientError when it is nothing that we know."""
    if response.is_error:
        raise _error(response)
    try:
        return call.answer.validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ClientError(f"{call.method} {call.path}: {where}: {first['msg']}") from error


def frames_of(line: str) -> Iterator[dict[str, Any]]:
    """The frame in a line of server-sent events, if there is one."""
    if line.startswith(_DATA):
        yield json.loads(line.removeprefix(_DATA))


def _error(response: httpx.Response) -> ApiError:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or response.reason_phrase
    errors = [f"{each.get('field')}: {each.get('message')}" for each in problem.get("errors", ())]
    return ApiError(response.status_code, "; ".join([str(detail), *errors]), problem)
