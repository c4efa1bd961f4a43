"""Connections to the database."""

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from penstock_runtime.errors import Unavailable

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)


_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)


def is_refused(error: Exception) -> bool:
    """Whether the database does not let us in: wrong password, no such database, no right to something."""
    return isinstance(error, _REFUSED)


def is_lost(error: Exception) -> bool:
    """Whether the database went away, shuts down, is full or does not answer: trying again may help."""
    # An InterfaceError that is a ValueError as well is about the arguments, not about the connection.
    return isinstance(error, _LOST) and not isinstance(error, ValueError)


Pool = asyncpg.Pool
Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


class PoolSettings(BaseModel):
    """How a service uses the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connections_max: int = Field(default=4, ge=1, le=100)
    """Connections that one process holds at most."""
    connect_timeout_s: float = Field(default=5.0, gt=0, le=60)
    command_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """A statement that takes longer is given up, and counts as a lost database."""
    reads_only: bool = False
    """It sets nothing and locks nothing: what it leaves on a connection need not be cleared after each use,
    which would be a round trip of its own."""


class _Reading(asyncpg.Connection):
    def get_reset_query(self) -> str:
        return ""


async def open_pool(url: str, *, name: str, settings: PoolSettings | None = None) -> Pool:
    """A pool that connects when it is first used. Unavailable when `url` is not an address at all."""
    used = settings or PoolSettings()
    if not url:
        raise Unavailable("no database: PENSTOCK_POSTGRES_URL is empty")
    try:
        return await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=used.connections_max,
            timeout=used.connect_timeout_s,
            command_timeout=used.command_timeout_s,
            connection_class=_Reading if used.reads_only else asyncpg.Connection,
            server_settings={"application_name": f"penstock-{name}", "timezone": "UTC"},
        )
    except ValueError as error:
        raise Unavailable(f"the database's address cannot be used: {error}") from error
