"""Commands that were read too late: they do nothing, and the log says so."""

import time

import structlog
from penstock_contracts.control import Audited, Command
from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Log

from penstock_ingest.door import Door

_log = structlog.get_logger(__name__)
_NS_PER_S = 1_000_000_000


async def tell(log: Log, door: Door) -> None:
    """Write for each command that expired that it did. What cannot be written now is left for later."""
    for command in list(door.expired.values()):
        try:
            await log.publish_audited(_audited(command, time.time_ns()))
        except Unavailable as error:
            _log.warning("expired_not_told", command=command.command_id, error=str(error))
            return
        _log.warning("command_expired", command=command.command_id, verb=command.verb)
        door.expired.pop(command.command_id, None)


def _audited(command: Command, now: int) -> Audited:
    allowed_s = (command.ts_expires - command.ts_issued) / _NS_PER_S
    late_s = (now - command.ts_expires) / _NS_PER_S
    return Audited(
        ts=now,
        who="ingest",
        what=command.verb,
        outcome="expired",
        reason=f"it was read {late_s:.0f} s after the {allowed_s:.0f} s within which it could act",
        command_id=command.command_id,
        origin=command.origin,
    )
