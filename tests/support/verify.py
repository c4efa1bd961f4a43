"""Records of chained runs: what the log of such a session would give its readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from penstock.config.resolve import Resolved
from penstock_contracts import subjects
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.codec import encode
from penstock_contracts.market import Mark
from penstock_ingest.build import build_schedule
from penstock_kernel.chain import Chain
from penstock_kernel.stage import Stage
from penstock_kernel.topology import PLACES, STAGES
from penstock_research.chained import Stages
from penstock_research.tapes import Recorded
from penstock_research.verify import Divergence, Verified, verify_session
from support.toy import market, toy_stages


@dataclass
class Record:
    """The families of a session in one order of the log, and what its end would count."""

    families: dict[Family, list[Recorded]]
    stages: Callable[[], dict[str, Stage]]

    @property
    def ended(self) -> dict[str, int]:
        """What the end counts: the number of each producer's last `done` or mark."""
        return {
            producer: max(each.index for each in self.families[place.family] if each.kind in ("done", "mark"))
            for producer, place in PLACES.items()
        }

    def copy(self) -> Record:
        """One that may be tampered with."""
        return Record({family: list(each) for family, each in self.families.items()}, self.stages)

    def cut(self, family: Family, keep: int) -> Record:
        """The record with only the first messages of a family."""
        result = self.copy()
        del result.families[family][keep:]
        return result

    def altered(self, family: Family, position: int, message: Message) -> Record:
        """The record with another message in the place of one."""
        result = self.copy()
        was = result.families[family][position]
        result.families[family][position] = recorded(family, message, was.index, was.sequence)
        return result

    def verify(
        self, *, ended: bool = True, stages: Callable[[], dict[str, Stage]] | None = None
    ) -> Divergence | Verified:
        """Replay it, by other stages if any are given."""
        return verify_session((stages or self.stages)(), self.families, ended=self.ended if ended else None)


def recorded(family: Family, message: Message, index: int, sequence: int) -> Recorded:
    """A message as the log holds it."""
    kind = type_of(message, family)
    subject = subjects.subject(0, family, kind.major, kind.kind, subjects.key_of(message))
    return Recorded(sequence, index, subject, encode(message))


def _record(
    intervals: Iterable[tuple[Sequence[Message], Mark, dict[str, list[Message]]]],
    stages: Callable[[], dict[str, Stage]],
) -> Record:
    families: dict[Family, list[Recorded]] = {place.family: [] for place in PLACES.values()}
    sequence = 0
    for messages, mark, outputs in intervals:
        made: list[tuple[Family, Message]] = [("md", each) for each in (*messages, mark)]
        made += [(PLACES[producer].family, each) for producer in STAGES for each in outputs[producer]]
        for family, message in made:
            sequence += 1
            families[family].append(recorded(family, message, len(families[family]) + 1, sequence))
    return Record(families, stages)


def toy_record(intervals: int) -> Record:
    """Toy stages over the toy market."""
    chain = Chain(toy_stages())
    return _record(
        ((messages, mark, chain.interval(messages, mark)) for messages, mark in market(intervals)),
        lambda: dict(toy_stages()),
    )


def real_record(chosen: Resolved) -> Record:
    """The real stages over the sources of a resolved session, to its end."""

    def stages() -> dict[str, Stage]:
        return Stages.of(chosen.document).by_name()

    def intervals() -> Iterable[tuple[Sequence[Message], Mark, dict[str, list[Message]]]]:
        chain = Chain(stages())
        schedule = build_schedule(chosen.ingest, chosen.session)
        while True:
            messages, mark = schedule.next_interval()
            outputs = chain.interval(messages, mark)
            yield messages, mark, outputs
            if mark.ended and outputs["risk"][-1].flat:
                return

    return _record(intervals(), stages)
