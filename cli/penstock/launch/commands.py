"""Commands as operators give them."""

import secrets
import time

from penstock_contracts.control import Command, Verb

EXPIRES_S = 60
"""A command that ingest finds later than this does nothing."""


def command(verb: Verb, reason: str, *, by: str, override: bool = False) -> Command:
    """A command as of now."""
    now = time.time_ns()
    return Command(
        command_id=f"c-{secrets.token_hex(10)}",
        verb=verb,
        ts_issued=now,
        ts_expires=now + EXPIRES_S * 1_000_000_000,
        by=by,
        reason=reason,
        override=override,
    )
