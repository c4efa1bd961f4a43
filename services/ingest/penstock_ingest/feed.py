"""A feed: the rows of one instrument from one source, handed out in the order of their event time."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.codec import MESSAGE_BYTES_MAX
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, Gap
from penstock_contracts.types import NEVER

from penstock_ingest.quarantine import SAMPLES_MAX, QuarantinedRow, Reason
from penstock_ingest.scale import Ints
from penstock_ingest.table import Table, counted

_HEADER_BYTES_MAX = 2048
BULK_ROWS = 65_536


class Feed(Protocol):
    """What the schedule reads. One instrument; the event time of its rows never goes back.

    A quarantined row passes with the good row before it, or with the first good row where there is none.
    """

    name: str
    """Unique in the session, the same in every run; the `source` of its messages."""
    instrument: Instrument

    @property
    def makes(self) -> type[Message] | None:
        """The type of its batches; None for a feed of single messages, which carry no prices."""
        ...

    @property
    def bar_interval(self) -> int | None:
        """ns, of a feed of bars."""
        ...

    @property
    def position(self) -> int:
        """Rows handed out or quarantined so far."""
        ...

    @property
    def released(self) -> int:
        """Good rows handed out so far."""
        ...

    @property
    def quarantined(self) -> Counter[str]:
        """Rows quarantined so far, by reason."""
        ...

    def next_time(self) -> int | None:
        """Event time of the next row; None when there is none."""
        ...

    def last_time(self) -> int | None:
        """Event time of its last row; None when it has no end."""
        ...

    def read_until(self, ts: int) -> list[Message]:
        """All rows of event time up to `ts` that were not read yet, in messages below the size limit."""
        ...

    def seek(self, position: int) -> None:
        """Go on after the row that `position` counted. ValueError when no such place was ever reported."""
        ...

    def skip(self, rows: int) -> None:
        """Pass over so many good rows, which were handed out already."""
        ...

    def take_quarantined(self) -> list[QuarantinedRow]:
        """Samples of the rows quarantined since the last call, at most `SAMPLES_MAX`."""
        ...

    def columns(self, until: int | None = None, rows: int = BULK_ROWS) -> Iterator[Message]:
        """The rows up to `until` (all when None) in batches of at most `rows`, whatever their bytes."""
        ...


def rows_max(columns: dict[str, np.ndarray[Any, Any]], configured: int) -> int:
    """Rows that fit a message of these columns: as configured, and within the size limit."""
    row_bytes = sum(column.dtype.itemsize for column in columns.values())
    return int(max(1, min(configured, (MESSAGE_BYTES_MAX - _HEADER_BYTES_MAX) // row_bytes)))


def batches(
    table: Table, instrument: str, source: str, first: int, last: int, rows: int, gaps: Ints | None = None
) -> Iterator[Message]:
    """Rows `first` to `last` as messages of at most `rows`, each gap told before the bar that follows it."""
    cuts = [] if gaps is None else gaps[np.searchsorted(gaps, first) : np.searchsorted(gaps, last)].tolist()
    plain: dict[str, Any] = {"instrument": instrument, "source": source, **table.plain}
    columns = table.columns
    for number, (begin, end) in enumerate(zip([first, *cuts], [*cuts, last], strict=True)):
        if number > 0:
            yield _gap(table, instrument, source, begin)
        for at in range(begin, end, rows):
            upto = min(at + rows, end)
            yield table.make(**(plain | {name: column[at:upto] for name, column in columns.items()}))


def _gap(table: Table, instrument: str, source: str, row: int) -> Gap:
    ts = table.ts
    missing_to = int(ts[row]) - int(table.plain["interval"])
    return Gap(
        instrument=instrument,
        source=source,
        ts_init=int(ts[row]),
        ts_from=int(ts[row - 1]),
        ts_to=missing_to,
        reason="no bars in the source",
    )


class TableFeed:
    """A feed of rows that are all in memory."""

    def __init__(
        self, name: str, instrument: Instrument, table: Table, row_numbers: Ints, batch_rows: int
    ) -> None:
        self.name = name
        self.instrument = instrument
        self._table = table
        self._row_numbers = row_numbers
        self._rows_max = rows_max(table.columns, batch_rows)
        self._gaps = _gap_rows(table)
        self._taken = 0
        self._move(0)

    def _move(self, row: int) -> None:
        """Stand before a row. What is asked at every mark is found once."""
        table = self._table
        self._next = row
        self._next_ts = int(table.ts[row]) if row < len(table.ts) else None
        bad = len(table.bad_after)
        self._bad = int(np.searchsorted(table.bad_after, row, side="right")) if row and bad else 0

    @property
    def makes(self) -> type[Message] | None:
        return self._table.make

    @property
    def bar_interval(self) -> int | None:
        return self._table.plain["interval"] if self._table.make is BarBatch else None

    @property
    def table(self) -> Table:
        """Its good rows."""
        return self._table

    @property
    def rows(self) -> int:
        """All rows, the quarantined ones included."""
        return len(self._table.ts) + len(self._table.bad_after)

    @property
    def rows_good(self) -> int:
        """Rows without the quarantined ones."""
        return len(self._table.ts)

    @property
    def released(self) -> int:
        return self._next

    @property
    def position(self) -> int:
        return self._next + self._bad

    @property
    def quarantined(self) -> Counter[str]:
        bad = self._bad
        return counted(self._table.bad_reason[:bad]) if bad else Counter()

    def next_time(self) -> int | None:
        return self._next_ts

    def last_time(self) -> int | None:
        return int(self._table.ts[-1])

    def read_until(self, ts: int) -> list[Message]:
        return list(self._read(ts, self._rows_max))

    def columns(self, until: int | None = None, rows: int = BULK_ROWS) -> Iterator[Message]:
        return self._read(NEVER if until is None else until, rows)

    def _read(self, ts: int, rows: int) -> Iterator[Message]:
        first = self._next
        if self._next_ts is None or self._next_ts > ts:
            return iter(())
        self._move(int(np.searchsorted(self._table.ts, ts, side="right")))
        return batches(
            self._table, self.instrument.instrument, self.name, first, self._next, rows, self._gaps
        )

    def seek(self, position: int) -> None:
        bad_after = self._table.bad_after
        # Good rows that stand before the place: position = good + quarantined among them.
        self._move(max(0, position - int(np.count_nonzero(bad_after + np.arange(len(bad_after)) < position))))
        if self._next > len(self._table.ts) or self.position != position:
            raise ValueError(
                f"{self.name}: no place {position} among {len(self._table.ts) + len(bad_after)} rows"
            )
        self._taken = self._bad

    def skip(self, rows: int) -> None:
        if rows < 0 or self._next + rows > len(self._table.ts):
            raise ValueError(f"{self.name}: {rows} rows from {self._next} on, of {len(self._table.ts)}")
        self._move(self._next + rows)

    def take_quarantined(self) -> list[QuarantinedRow]:
        first, self._taken = self._taken, self._bad
        if first >= self._bad:
            return []
        table, codes = self._table, self._table.bad_reason
        return [
            QuarantinedRow(
                self.name, int(self._row_numbers[at]), Reason(int(codes[at])).label, table.samples[place]
            )
            for at in range(first, min(self._taken, first + SAMPLES_MAX))
            if (place := int(table.bad_row[at])) in table.samples
        ]


def _gap_rows(table: Table) -> Ints | None:
    """Bars before which others are missing."""
    if table.make is not BarBatch:
        return None
    return np.flatnonzero(np.diff(table.ts) > table.plain["interval"]) + 1
