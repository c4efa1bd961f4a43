"""The door for commands: what operators and services have asked for, each once, until a mark carries it."""

import time

import structlog
from penstock_contracts.control import Audited, Command
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.market import Mark
from penstock_runtime.errors import Unavailable, UnreadableHalt
from penstock_runtime.log import Delivered, Log
from penstock_runtime.passing import passed_over

_log = structlog.get_logger(__name__)
_NS_PER_S = 1_000_000_000


class Door:
    """Commands that wait for the next mark."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._passed_over: frozenset[int] = frozenset()
        """Log sequences of unreadable commands that an operator has passed over."""
        self._waiting: list[Command] = []
        self.expired: dict[str, Command] = {}
        """Commands that were read too late, by id, until the log says so."""

    async def open(self, log: Log) -> None:
        """Learn what operators have passed over."""
        self._passed_over = await passed_over(log)

    @property
    def waits(self) -> bool:
        """Whether a command waits for a mark."""
        return bool(self._waiting)

    def carried(self, mark: Mark) -> None:
        """An earlier writer's mark has carried these."""
        self._seen.update(each.command_id for each in mark.commands)

    def admit(self, delivered: Delivered) -> Command | None:
        """A command from the log; None when it counts no more. UnreadableHalt when nobody can read it."""
        try:
            command = delivered.decode()
        except UnreadableMessage as error:
            if delivered.sequence in self._passed_over:
                _log.warning("command_passed_over", sequence=delivered.sequence, error=str(error))
                return None
            raise UnreadableHalt(
                f"the command at {delivered.sequence} cannot be read and may have been a halt: {error}; "
                f"start a version that reads it, or `penstock dlq pass {delivered.sequence} --reason …`"
            ) from error
        if not isinstance(command, Command) or command.command_id in self._seen:
            return None
        self._seen.add(command.command_id)
        if command.ts_expires < time.time_ns():
            self.expired[command.command_id] = command
            return None
        self._waiting.append(command)
        return command

    def told(self, delivered: Delivered) -> None:
        """What the log says for the audit: commands that it tells to be expired need not be told again."""
        try:
            audited = delivered.decode()
        except UnreadableMessage:
            return  # of a newer version, and nothing that a session hangs on
        if isinstance(audited, Audited) and audited.command_id is not None:
            self.expired.pop(audited.command_id, None)

    async def tell_expired(self, log: Log) -> None:
        """Have the log say of each command that came too late that it did: whoever gave it waits for an
        answer. What cannot be written now is left for later.
        """
        for command in list(self.expired.values()):
            try:
                await log.publish_audited(_expired(command, time.time_ns()))
            except Unavailable as error:
                _log.warning("expired_not_told", command=command.command_id, error=str(error))
                return
            _log.warning("command_expired", command=command.command_id, verb=command.verb)
            self.expired.pop(command.command_id, None)

    def take(self) -> tuple[Command, ...]:
        """Everything that waits, for the mark that carries it."""
        commands, self._waiting = tuple(self._waiting), []
        return commands


def _expired(command: Command, now: int) -> Audited:
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
