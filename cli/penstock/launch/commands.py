"""Commands as operators give them."""

import secrets
import time

from penstock_contracts.control import Command, Verb

EXPIRES_S = 60
"""A command that ingest finds later than this does nothing."""


UNTIL_READ_S = 10 * 366 * 86_400
"""A halt that the launcher leaves for the session's next start: it holds whenever that is."""


def command(
    verb: Verb, reason: str, *, by: str, override: bool = False, expires_s: int = EXPIRES_S
) -> Command:
    """A command as of now."""
    now = time.time_ns()
    return Command(
        command_id=f"c-{secrets.token_hex(10)}",
        verb=verb,
        ts_issued=now,
        ts_expires=now + expires_s * 1_000_000_000,
        by=by,
        reason=reason,
        override=override,
    )
