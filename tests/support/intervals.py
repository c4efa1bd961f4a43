"""Stages that read one another over a log, in any order of steps, and what must come of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from penstock_contracts.base import Family, Message
from penstock_contracts.batch import part_of
from penstock_contracts.codec import encode, same
from penstock_contracts.features import Prices
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark, TradeBatch
from penstock_kernel.interval import IntervalRunner
from penstock_kernel.stage import Stage
from support.toy import ToyStage

Interval = tuple[Sequence[Message], Mark]
FLOW: dict[str, tuple[Family, tuple[Family, ...], Family]] = {
    "features": ("feat", (), "md"),
    "strategy": ("sig", ("ven", "ord"), "feat"),
    "risk": ("ord", ("feat", "ven"), "sig"),
    "execution": ("ven", ("ord",), "md"),
}
"""Family written, families of the interval before in their order, upstream: as the design has it."""


class RowStage(ToyStage):
    """Takes trades row by row, so that it must not matter how they were cut into batches."""

    def process(self, message: Message) -> list[Message]:
        """Each row of trades like a message of its own."""
        if not isinstance(message, TradeBatch):
            return list(super().process(message))
        outputs: list[Message] = []
        for row in range(len(message.ts_init)):
            outputs += super().process(part_of(message, row, row + 1))
        return outputs


def stages() -> dict[str, ToyStage]:
    """One for each place."""
    return {name: RowStage(name) for name in FLOW}


def reference(stages: Mapping[str, Stage], intervals: Iterable[Interval]) -> dict[Family, list[Message]]:
    """What each family holds when the stages run one after another: the rule, spelled out."""
    log: dict[Family, list[Message]] = {family: [] for family, _, _ in FLOW.values()}
    before: dict[Family, list[Message]] | None = None
    for batches, mark in intervals:
        now: dict[Family, list[Message]] = {"md": [*batches, mark]}
        for producer, (family, others, upstream) in FLOW.items():
            taken = [message for other in others for message in before[other]] if before is not None else []
            taken += now[upstream]
            outputs: list[Message] = []
            for message in taken:
                if not isinstance(message, Done | Mark):
                    outputs += stages[producer].process(message)
            outputs += stages[producer].end_interval(mark)
            quiet = all(isinstance(each, Prices) for each in outputs)
            status = stages[producer].status()
            outputs.append(
                Done(
                    ts=mark.ts, start=mark.start, ended=mark.ended, commands=mark.commands,
                    next_due=status.next_due, quiet=quiet, flat=status.flat, stop=status.stop,
                )
            )  # fmt: skip
            now[family] = outputs
            log[family] += outputs
        before = now
    return log


@dataclass
class Saved:
    """A snapshot with its place in the log."""

    state: bytes | None = None
    position: tuple[int, int, bool] | None = None
    cursors: dict[Family, int] = field(default_factory=dict)
    published: int = 0


class Reader:
    """One stage over the log: takes what its runner wants, publishes what the log does not have yet."""

    def __init__(
        self, producer: str, log: dict[Family, list[Message]], build: Callable[[str], Stage] = RowStage
    ) -> None:
        self.producer = producer
        self.log = log
        self.family = FLOW[producer][0]
        self._build = build
        self.saved = Saved()
        self.crash()

    def step(self) -> bool:
        """Take one message; False when the log has none for it."""
        wants = self.runner.wants
        cursor = self.cursors.get(wants, 0)
        if cursor == len(self.log[wants]):
            return False
        self.cursors[wants] = cursor + 1
        for output in self.runner.feed(self.log[wants][cursor]):
            self._publish(output)
        return True

    def save(self) -> None:
        """Snapshot."""
        self.saved = Saved(
            self.runner.stage.snapshot(), self.runner.position(), dict(self.cursors), self.published
        )

    def crash(self) -> None:
        """Lose everything, and go on from the last snapshot."""
        self.runner = IntervalRunner(self.producer, self._build(self.producer))
        if self.saved.state is not None and self.saved.position is not None:
            self.runner.stage.restore(self.saved.state)
            self.runner.resume(*self.saved.position)
        self.cursors = dict(self.saved.cursors)
        self.published = self.saved.published

    def _publish(self, output: Message) -> None:
        written = self.log[self.family]
        if self.published < len(written):
            assert same(written[self.published], output), f"{self.producer} computed something else again"
        else:
            written.append(output)
        self.published += 1


def told(log: Mapping[Family, Sequence[Message]]) -> dict[Family, list[tuple[str, bytes]]]:
    """The contents of a log, comparable."""
    return {
        family: [(type(each).__name__, encode(each)) for each in log[family]]
        for family, _, _ in FLOW.values()
    }
