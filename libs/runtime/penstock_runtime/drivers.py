"""What a service runs: one stage, or all of them fused. Both look the same to the service loop."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Protocol

from penstock_contracts import codec
from penstock_contracts.base import Family, Message, type_of
from penstock_kernel.chain import Chain
from penstock_kernel.interval import IntervalRunner
from penstock_kernel.stage import Selective, Stage
from penstock_kernel.topology import PLACES, STAGES

Produced = list[tuple[str, Message]]
"""Producer and output, in the order in which they must be numbered."""


class Driver(Protocol):
    """Feeds stages by the rule of intervals."""

    producers: tuple[str, ...]
    families: tuple[Family, ...]
    """What it reads."""
    ignores: frozenset[tuple[Family, str]]
    """Families and kinds of no interest: they are counted, and not even decoded."""

    @property
    def wants(self) -> Family:
        """The family to read next."""
        ...

    @property
    def last_mark(self) -> int:
        """End of the last closed interval."""
        ...

    def feed(self, message: Message) -> Produced:
        """Hand over the next message of the family that it wants."""
        ...

    def at_boundary(self) -> bool:
        """Whether a snapshot may be taken here."""
        ...

    def describe(self) -> dict[str, Any]:
        """The operator's view, all stages."""
        ...

    def snapshot(self) -> str:
        """State as text."""
        ...

    def restore(self, state: str) -> None:
        """Take over a snapshot's state. ValueError when it is not one."""
        ...


class StageDriver:
    """One stage, one producer."""

    def __init__(self, producer: str, stage: Stage) -> None:
        place = PLACES[producer]
        assert place.upstream is not None
        self.producers: tuple[str, ...] = (producer,)
        self.families: tuple[Family, ...] = (*place.others, place.upstream)
        self.ignores = stage.ignores if isinstance(stage, Selective) else frozenset()
        self._producer = producer
        self._stage = stage
        self._runner = IntervalRunner(producer, stage)

    @property
    def wants(self) -> Family:
        return self._runner.wants

    @property
    def last_mark(self) -> int:
        return self._runner.last_mark

    def feed(self, message: Message) -> Produced:
        producer = self._producer
        return [(producer, output) for output in self._runner.feed(message)]

    def at_boundary(self) -> bool:
        return True

    def describe(self) -> dict[str, Any]:
        return self._stage.describe()

    def snapshot(self) -> str:
        return json.dumps({"position": self._runner.position(), "stage": self._stage.snapshot().decode()})

    def restore(self, state: str) -> None:
        document = json.loads(state)
        self._stage.restore(document["stage"].encode())
        self._runner.resume(*document["position"])


class ChainDriver:
    """All stages in one process: reads the market data, puts out for every producer."""

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self.producers: tuple[str, ...] = STAGES
        self.families: tuple[Family, ...] = ("md",)
        self.ignores: frozenset[tuple[Family, str]] = frozenset()
        self._stages = stages
        self._chain = Chain(stages)

    @property
    def wants(self) -> Family:
        return "md"

    @property
    def last_mark(self) -> int:
        return self._chain.runners["execution"].last_mark

    def feed(self, message: Message) -> Produced:
        outputs = self._chain.feed(message)
        return [(producer, output) for producer, made in outputs.items() for output in made]

    def at_boundary(self) -> bool:
        return self._chain.between_intervals()

    def describe(self) -> dict[str, Any]:
        return {producer: self._stages[producer].describe() for producer in STAGES}

    def snapshot(self) -> str:
        stages = {
            producer: {"position": runner.position(), "stage": runner.stage.snapshot().decode()}
            for producer, runner in self._chain.runners.items()
        }
        previous = {
            producer: [_packed(PLACES[producer].family, message) for message in messages]
            for producer, messages in self._chain.previous().items()
        }
        return json.dumps({"stages": stages, "previous": previous})

    def restore(self, state: str) -> None:
        document = json.loads(state)
        for producer, runner in self._chain.runners.items():
            kept = document["stages"][producer]
            runner.stage.restore(kept["stage"].encode())
            runner.resume(*kept["position"])
        self._chain.resume(
            {producer: [_unpacked(*each) for each in kept] for producer, kept in document["previous"].items()}
        )


def _packed(family: Family, message: Message) -> tuple[Family, str, int, str]:
    kind = type_of(message, family)
    return family, kind.kind, kind.major, base64.b64encode(codec.encode(message)).decode()


def _unpacked(family: Family, kind: str, major: int, data: str) -> Message:
    return codec.decode(family, kind, major, base64.b64decode(data))
