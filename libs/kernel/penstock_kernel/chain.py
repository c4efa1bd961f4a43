"""All stages of a partition in one process: no broker, no serialisation, the same rule of intervals."""

from collections.abc import Mapping, Sequence

from penstock_contracts.base import Message
from penstock_contracts.market import Mark

from penstock_kernel.interval import IntervalRunner
from penstock_kernel.stage import Stage
from penstock_kernel.topology import PRODUCER_OF, STAGES

IntervalOutputs = dict[str, list[Message]]
"""What each producer put out in one interval, `done` last."""


class Chain:
    """Runs the stages over one interval after another, by the same rule as separate services do."""

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self.runners = {producer: IntervalRunner(producer, stages[producer]) for producer in STAGES}
        self._features, self._strategy, self._risk, self._execution = self.runners.values()
        self._previous: IntervalOutputs = {producer: [] for producer in STAGES}
        self._current: IntervalOutputs = {producer: [] for producer in STAGES}
        self._begun = False

    def interval(self, market: Sequence[Message], mark: Mark) -> IntervalOutputs:
        """Run one whole interval: its market data in order, then its mark."""
        for message in market:
            self.feed(message)
        self.feed(mark)
        return self._previous

    def feed(self, message: Message) -> IntervalOutputs:
        """Hand over the next market message or mark; returns what each producer puts out because of it.

        The outputs that the stages make of the interval before come with the first message of the next.
        """
        outputs: IntervalOutputs = {producer: [] for producer in STAGES}
        if not self._begun:
            self._begin(outputs)
        for feature in self._put(outputs, self._features, message):
            for signal in self._put(outputs, self._strategy, feature):
                self._put(outputs, self._risk, signal)
        self._put(outputs, self._execution, message)
        for producer, produced in outputs.items():
            self._current[producer] += produced
        if type(message) is Mark:
            self._previous, self._current = self._current, {producer: [] for producer in STAGES}
            self._begun = False
        return outputs

    def _begin(self, outputs: IntervalOutputs) -> None:
        self._begun = True
        for runner in (self._strategy, self._risk, self._execution):
            if not runner.last_mark:
                continue
            for family in runner.place.others:
                for message in self._previous[PRODUCER_OF[family]]:
                    self._put(outputs, runner, message)
        for signal in list(outputs["strategy"]):
            self._put(outputs, self._risk, signal)

    @staticmethod
    def _put(outputs: IntervalOutputs, runner: IntervalRunner, message: Message) -> list[Message]:
        produced = runner.feed(message)
        outputs[runner.producer] += produced
        return produced

    def between_intervals(self) -> bool:
        """Whether the last interval is closed and nothing of the next was fed."""
        return not self._begun

    def previous(self) -> IntervalOutputs:
        """The outputs of the last interval: what a snapshot keeps beside the stages' states."""
        return self._previous

    def resume(self, previous: IntervalOutputs) -> None:
        """Go on after an interval whose outputs were these; the runners were resumed already."""
        self._previous = previous
