"""Halts that the edge itself calls for: they hold here at once, and are written until the log has them."""

import structlog
from penstock_contracts.control import Command
from penstock_kernel.ids import make_id
from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Log

from penstock_execution.live.guard import Halts
from penstock_execution.live.line import Clocks

_log = structlog.get_logger(__name__)
_AGAIN_S = 1.0
_EXPIRES_NS = 3_600 * 10**9


class Alarm:
    """Calls for halts, each once."""

    def __init__(self, log: Log, session_id: str, halts: Halts, clocks: Clocks) -> None:
        self._log = log
        self._session_id = session_id
        self._halts = halts
        self._clocks = clocks
        self._calls: dict[str, Command] = {}
        self._written_at: dict[str, float] = {}

    def raise_for(self, reason: str) -> None:
        """Halt for a reason that the edge found."""
        now = self._clocks.wall_ns()
        _log.error("alarm", reason=reason)
        self.call(
            Command(
                command_id=make_id("k", self._session_id, reason),
                verb="halt",
                ts_issued=now,
                ts_expires=now + _EXPIRES_NS,
                by="egress-guard",
                reason=reason,
            )
        )

    def call(self, command: Command) -> None:
        """Halt by this command, unless the log has it already."""
        key = command.command_id
        if key not in self._halts.commands and key not in self._calls:
            self._halts.own.add(key)
            self._calls[key] = command

    def read_back(self, command: Command) -> None:
        """The log has a command."""
        self._calls.pop(command.command_id, None)

    async def write(self) -> None:
        """Write what the log does not have, now and then again."""
        now = self._clocks.monotonic_s()
        for key, command in list(self._calls.items()):
            if now - self._written_at.get(key, now - _AGAIN_S) < _AGAIN_S:
                continue
            self._written_at[key] = now
            try:
                await self._log.publish_command(command)
            except Unavailable as error:
                _log.warning("halt_not_written", error=str(error))
