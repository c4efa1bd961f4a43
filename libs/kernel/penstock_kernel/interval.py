"""The rule of intervals for one stage: which family to read next, and when to say `done`.

For interval k: each other family up to its producer's `done` of interval k-1, in the fixed order of
the topology, then the upstream up to its `done` of k. The first interval has no others.
"""

from penstock_contracts.base import Family, Message
from penstock_contracts.features import Prices
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark

from penstock_kernel.stage import Stage
from penstock_kernel.topology import PLACES


class IntervalRunner:
    """Drives one stage through its intervals, message by message."""

    __slots__ = ("_order", "_phase", "_quiet", "last_mark", "place", "producer", "stage", "wants")

    def __init__(self, producer: str, stage: Stage) -> None:
        place = PLACES[producer]
        if place.upstream is None:
            raise ValueError(f"{producer} has no upstream")
        self.producer = producer
        self.stage = stage
        self.place = place
        self._order: tuple[Family, ...] = (*place.others, place.upstream)
        self._phase = len(place.others)
        self._quiet = True
        self.last_mark = 0
        self.wants: Family = place.upstream
        """The family to read next; messages of any other must not be fed."""

    def feed(self, message: Message) -> list[Message]:
        """Hand over the next message of the family that it `wants`; returns what the stage puts out."""
        kind = type(message)
        if kind is not Done and kind is not Mark:
            outputs = list(self.stage.process(message))
            if outputs and self._quiet:
                self._quiet = _only_prices(outputs)
            return outputs
        if self.wants is self.place.upstream:
            return self._end(message)
        if message.ts >= self.last_mark:
            self._advance()
        return []

    def _end(self, end: Mark | Done) -> list[Message]:
        if end.ts <= self.last_mark:
            raise ValueError(
                f"{self.producer}: an interval that ends at {end.ts} after one at {self.last_mark}"
            )
        outputs = list(self.stage.end_interval(end))
        quiet = self._quiet and (not outputs or _only_prices(outputs))
        status = self.stage.status()
        outputs.append(
            Done(
                ts=end.ts,
                start=end.start,
                ended=end.ended,
                commands=end.commands,
                next_due=status.next_due,
                quiet=quiet,
                flat=status.flat,
                stop=status.stop,
            )
        )
        self.last_mark = end.ts
        self._quiet = True
        self._phase = -1
        self._advance()
        return outputs

    def _advance(self) -> None:
        self._phase += 1
        self.wants = self._order[self._phase]

    def position(self) -> tuple[int, int, bool]:
        """(last mark, phase, quiet): what a snapshot keeps beside the stage's state."""
        return self.last_mark, self._phase, self._quiet

    def resume(self, last_mark: int, phase: int, quiet: bool) -> None:
        """Go on from a `position`."""
        self.last_mark, self._phase, self._quiet = last_mark, phase, quiet
        self.wants = self._order[phase]


def _only_prices(outputs: list[Message]) -> bool:
    return all(type(each) is Prices for each in outputs)
