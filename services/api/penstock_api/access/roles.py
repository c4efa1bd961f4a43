"""Roles, and how a route says which one it needs.

A route that says nothing is open to everybody: the tests list them by name, so that none is by accident.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from fastapi import Depends, WebSocketException
from starlette.requests import HTTPConnection

from penstock_api.problems import Problem

_POLICY_VIOLATION = 1008


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = "viewer"
    """See everything."""
    OPERATOR = "operator"
    """Halt, reduce, flatten, place and cancel orders, switch strategies."""
    RISK_ADMIN = "risk_admin"
    """Resume, change limits and modes, flatten while halted."""

    def allows(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and how we know."""

    name: str
    """Of the token; `local` where nobody is asked."""
    role: Role
    address: str
    """From where, an IP address."""
    via: Literal["open", "token", "cookie"]
    csrf: str | None = None
    """Of a browser's session: what it must give back with what changes something."""


class Needs:
    """The dependency of a route that needs a role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, connection: HTTPConnection) -> Caller:
        """The caller, if they may. Problem 401 for nobody, 403 for somebody who may not.

        It waits for nothing: but what is no coroutine is sent to a thread and back, with every request.
        """
        caller: Caller | None = getattr(connection.state, "caller", None)
        if caller is not None and caller.role.allows(self.role):
            return caller
        status, detail = (
            (401, "a token is needed")
            if caller is None
            else (403, f"{caller.name} has the role {caller.role}; this takes {self.role}")
        )
        if connection.scope["type"] == "websocket":
            raise WebSocketException(_POLICY_VIOLATION, detail)
        raise Problem(status, detail, headers={"WWW-Authenticate": "Bearer"} if status == 401 else None)


def needs(role: Role) -> Any:
    """The dependency that lets a role pass: `dependencies=[needs(Role.VIEWER)]`."""
    return Depends(Needs(role))


VIEWER, OPERATOR, RISK_ADMIN = (needs(role) for role in Role)
