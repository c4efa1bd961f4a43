"""All stages of a partition in one process, interval by interval: no broker, no serialisation."""

from collections.abc import Mapping, Sequence

from penstock_contracts.base import Family, Message
from penstock_contracts.market import Mark

from penstock_kernel.interval import IntervalRunner
from penstock_kernel.stage import Stage
from penstock_kernel.topology import PLACES, STAGES

IntervalOutputs = dict[str, list[Message]]
"""What each producer put out in one interval, `done` last."""


class Chain:
    """Runs the stages over one interval after another, by the same rule as separate services do."""

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self.runners = {producer: IntervalRunner(producer, stages[producer]) for producer in STAGES}
        self._previous: dict[Family, list[Message]] = {PLACES[producer].family: [] for producer in STAGES}

    def interval(self, market: Sequence[Message], mark: Mark) -> IntervalOutputs:
        """Run one interval: its market data in order, then its mark."""
        current: dict[Family, list[Message]] = {"md": [*market, mark]}
        outputs: IntervalOutputs = {}
        for producer in STAGES:
            runner = self.runners[producer]
            produced: list[Message] = []
            if runner.last_mark:
                for family in runner.place.others:
                    for message in self._previous[family]:
                        produced += runner.feed(message)
            upstream = runner.place.upstream
            assert upstream is not None  # noqa: S101  (only ingest has none, and it is no stage)
            for message in current[upstream]:
                produced += runner.feed(message)
            outputs[producer] = current[runner.place.family] = produced
        self._previous = current
        return outputs

    def previous(self) -> dict[Family, list[Message]]:
        """The outputs of the last interval: what a snapshot keeps beside the stages' states."""
        return self._previous

    def resume(self, previous: dict[Family, list[Message]]) -> None:
        """Go on after an interval whose outputs were these; the runners were resumed already."""
        self._previous = previous
