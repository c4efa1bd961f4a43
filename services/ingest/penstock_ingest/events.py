"""A feed of single messages: gaps of a book, funding, liquidations, status, rates, new definitions.

An event may be a mere time, without a message: data is not over before it.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Gap, InstrumentDefined, InstrumentStatus, RowQuarantined
from penstock_contracts.types import NEVER

from penstock_ingest.feed import BULK_ROWS
from penstock_ingest.quarantine import SAMPLES_MAX, QuarantinedRow


def feed_of(message: Message) -> str | None:
    """The feed that a message is counted with: its source; of those that name none, one per instrument."""
    match message:
        case InstrumentStatus():
            return f"{'schedule' if message.scheduled else 'status'}.{message.instrument}"
        case InstrumentDefined():
            return f"instrument.{message.instrument.instrument}"
        case RowQuarantined() | Gap(book=False):
            return None  # they pass with the row after them
        case _:
            return getattr(message, "source", None)


class EventFeed:
    """Events of one instrument that are all in memory, in the order of their event time."""

    makes: type[Message] | None = None
    bar_interval: int | None = None

    def __init__(
        self,
        name: str,
        instrument: Instrument,
        events: Sequence[tuple[int, Message | None]],
        bad: Sequence[tuple[int, QuarantinedRow]] = (),
    ) -> None:
        """Events by time, ns; `bad` are quarantined rows, each with the number of events before it."""
        self.name = name
        self.instrument = instrument
        self._messages = [message for _, message in events]
        self._times = [ts for ts, _ in events]
        self._bad = list(bad)
        self._bad_after = [after for after, _ in bad]
        self._next = 0
        self._taken = 0

    @property
    def released(self) -> int:
        return self._next

    @property
    def position(self) -> int:
        return self._next + self._passed()

    @property
    def quarantined(self) -> Counter[str]:
        return Counter(row.reason for _, row in self._bad[: self._passed()])

    def _passed(self) -> int:
        """Quarantined rows passed so far."""
        return bisect_right(self._bad_after, self._next) if self._next else 0

    def next_time(self) -> int | None:
        return self._times[self._next] if self._next < len(self._times) else None

    def last_time(self) -> int | None:
        return self._times[-1]

    def read_until(self, ts: int) -> list[Message]:
        first = self._next
        self._next = max(first, bisect_right(self._times, ts))
        return [each for each in self._messages[first : self._next] if each is not None]

    def columns(self, until: int | None = None, rows: int = BULK_ROWS) -> Iterator[Message]:
        yield from self.read_until(NEVER if until is None else until)

    def seek(self, position: int) -> None:
        good = position
        while good > 0 and good + (bisect_right(self._bad_after, good) if good else 0) > position:
            good -= 1
        self._next = min(good, len(self._messages))
        if self.position != position:
            raise ValueError(f"{self.name}: no place {position} among {len(self._messages)} events")
        self._taken = self._passed()

    def skip(self, rows: int) -> None:
        if rows < 0 or self._next + rows > len(self._messages):
            raise ValueError(f"{self.name}: {rows} events from {self._next} on, of {len(self._messages)}")
        self._next += rows

    def take_quarantined(self) -> list[QuarantinedRow]:
        first, self._taken = self._taken, self._passed()
        return [row for _, row in self._bad[first : min(self._taken, first + SAMPLES_MAX)]]
