"""What can go wrong.

::

    ClientError
    ├── ApiError       the api said no: `status`, `detail`, and the problem's other members
    └── Unreachable    nobody answers there
"""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Root of the client's errors."""


class ApiError(ClientError):
    """A problem (RFC 9457)."""

    def __init__(self, status: int, detail: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.problem = problem


class Unreachable(ClientError):
    """The api does not answer. Whether a command arrived, its idempotency key tells: ask again with it."""
