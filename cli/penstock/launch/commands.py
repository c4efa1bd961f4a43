"""Commands as operators give them."""

import secrets
import time
from dataclasses import dataclass

from penstock_contracts.control import Command, Verb

EXPIRES_S = 60
"""A command that ingest finds later than this does nothing."""


UNTIL_READ_S = 10 * 366 * 86_400
"""A halt that the launcher leaves for the session's next start: it holds whenever that is."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a command is about; what is None does not restrict it."""

    venue: str | None = None
    instrument: str | None = None
    underlying: str | None = None
    strategy: str | None = None


NOTHING_NAMED = Part()


def command(
    verb: Verb,
    reason: str,
    *,
    by: str,
    override: bool = False,
    expires_s: int = EXPIRES_S,
    part: Part = NOTHING_NAMED,
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
        venue=part.venue,
        instrument=part.instrument,
        underlying=part.underlying.upper() if part.underlying is not None else None,
        strategy=part.strategy,
    )
