"""The record of a session for a replay: each family once, read by several stages."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from penstock_contracts import codec, subjects
from penstock_contracts.base import Family, Message
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.venue import Fill
from penstock_kernel.topology import PLACES, STAGES


@dataclass(slots=True)
class Recorded:
    """One message as every reader of the log takes it."""

    sequence: int
    """In the log; 0 for one that was computed beyond the record's end."""
    index: int
    """Its producer's number."""
    subject: str
    data: bytes
    _message: Message | None = None

    @property
    def family(self) -> Family:
        """Its family, by its subject."""
        return self._parsed().family

    @property
    def kind(self) -> str:
        """Its kind, by its subject."""
        return self._parsed().kind

    @property
    def message(self) -> Message:
        """Decoded, once. UnreadableMessage when it cannot be."""
        if self._message is None:
            parsed = self._parsed()
            self._message = codec.decode(parsed.family, parsed.kind, parsed.major, self.data)
        return self._message

    def _parsed(self) -> subjects.Subject:
        parsed = subjects.parse(self.subject)
        if parsed is None:
            raise UnreadableMessage(f"not a subject of the log: {self.subject[:200]!r}")
        return parsed

    def __str__(self) -> str:
        place = f"at sequence {self.sequence}" if self.sequence else "beyond the record"
        return f"{self.family} {self.index} ({self.kind}, {place})"


class Tape:
    """One family: its record, then what was computed beyond. Each of its readers has a place of its own."""

    def __init__(self, record: Iterable[Recorded], readers: Iterable[str]) -> None:
        self._record: Iterator[Recorded] = iter(record)
        self._queues: dict[str, deque[Recorded]] = {name: deque() for name in readers}
        self.last_index = 0

    def take(self, reader: str) -> Recorded | None:
        """The reader's next message; None when there is no more."""
        queue = self._queues[reader]
        if not queue:
            found = next(self._record, None)
            if found is None:
                return None
            self.last_index = found.index
            for each in self._queues.values():
                each.append(found)
        return queue.popleft()

    def go_on(self, computed: Recorded, producer: str) -> None:
        """Add what the family's producer said beyond the record."""
        for name, queue in self._queues.items():
            if name != producer:
                queue.append(computed)


class VenueTape:
    """What a live venue told, and the fills in it."""

    def __init__(self, record: Iterable[Recorded]) -> None:
        self.fills: list[Fill] = []
        self.tape = Tape(self._noting(record), readers_of("ven", ("strategy", "risk")))

    def to_the_end(self) -> None:
        """Read what no stage has asked for."""
        while self.tape.take("risk") is not None:
            pass

    def _noting(self, record: Iterable[Recorded]) -> Iterator[Recorded]:
        for each in record:
            if each.kind == "fill" and isinstance(fill := each.message, Fill):
                self.fills.append(fill)
            yield each


FAMILIES: tuple[Family, ...] = ("md", *(PLACES[each].family for each in STAGES))


def readers_of(family: Family, stages: Sequence[str]) -> list[str]:
    """Those of some stages that read a family, its own writer among them: it compares."""
    return [
        each
        for each in stages
        if family in (PLACES[each].family, PLACES[each].upstream, *PLACES[each].others)
    ]
