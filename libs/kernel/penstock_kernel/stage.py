"""What a stage is: a deterministic function of the messages that it is given, in their order."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from penstock_contracts.base import Family, Message
from penstock_contracts.control import Command
from penstock_contracts.types import NEVER

Outputs = Sequence[Message]
NOTHING: Outputs = ()


class IntervalEnd(Protocol):
    """What ends an interval: ingest's mark, or the `done` of the stage before."""

    @property
    def ts(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def ended(self) -> bool: ...
    @property
    def commands(self) -> tuple[Command, ...]: ...


class StageStatus(NamedTuple):
    """What a stage says of itself in its `done`."""

    next_due: int = NEVER
    """Event time at which it will act of its own accord."""
    flat: bool = False
    """Of risk: no order works and no position is open."""
    stop: str = ""
    """Of risk: why the session must end."""


class Stage(Protocol):
    """Pure Python: no clock, no network, no environment, no unseeded randomness, no async.

    The caller owns the order: messages of the other families of the interval before, then upstream
    messages of this one, then its end. A batch may be cut anywhere between two rows, and a run of
    intervals in which the stage puts out nothing may be presented as one: neither changes an output.
    """

    def process(self, message: Message) -> Outputs:
        """React to one message, upstream or of another family. Messages of no interest give nothing."""
        ...

    def end_interval(self, end: IntervalEnd) -> Outputs:
        """Act on the end of an interval: timers up to `end.ts`, and the commands that it lists."""
        ...

    def status(self) -> StageStatus:
        """Called right after `end_interval`, for the stage's `done`."""
        ...

    def describe(self) -> dict[str, Any]:
        """What an operator's view shows of the stage, as JSON values. Changes nothing."""
        ...

    def snapshot(self) -> bytes:
        """The whole state. `restore` of it in a stage of the same configuration continues identically."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over a snapshot. ValueError when it is not one of this stage's."""
        ...


class Skippable(Stage, Protocol):
    """A stage that can tell, without changing, how far it would stay quiet.

    Both methods are about the rows [begin, end) of a batch, of which no part need be made.
    """

    def quiet_rows(self, message: Message, begin: int = 0, end: int | None = None) -> int:
        """How many leading ones of these rows it could process without putting anything out, without
        coming due earlier, and with its state after a run of intervals the same as after each of them.
        A lower bound will do; 0 is always right.
        """
        ...

    def process_rows(self, message: Message, begin: int, end: int) -> Outputs:
        """As `process` of a message of these rows alone."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A stage that says of which messages it would take no notice: nobody need decode them for it."""

    ignores: frozenset[tuple[Family, str]]
    """Families and kinds that `process` gives nothing for, and that leave the state as it is."""
