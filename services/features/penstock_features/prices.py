"""The price of each instrument at each mark: the last row of each grid point that had data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.features import Prices
from pydantic import PlainSerializer, PlainValidator

from penstock_features.stretches import Ints, last_rows, rescaled, stretches

LAST, QUOTE = 0, 1
_FIRST = np.ones(1, dtype=np.bool_)


def _column(values: Any) -> Ints:
    return np.array(values, dtype=np.int64)


Column = Annotated[Ints, PlainValidator(_column), PlainSerializer(lambda column: column.tolist())]
"""A column that a snapshot writes as a list."""


@dataclass(slots=True)
class Update:
    """What one batch said, reduced to the last row of each grid point. Quotes: `first` bid, `second` ask."""

    kind: int
    scale: int
    marks: Column
    ts: Column
    first: Column
    second: Column


@dataclass(slots=True)
class PriceTrack:
    """The price of one instrument, and the updates since the last mark."""

    scale: int = 0
    last: int = 0
    bid: int = 0
    ask: int = 0
    ts_last: int = 0
    ts_quote: int = 0
    updates: list[Update] = field(default_factory=list)

    def add(self, kind: int, scale: int, grid: int, *, ts: Ints, first: Ints, second: Ints) -> None:
        """Take in a batch of at least one row."""
        if scale > self.scale:
            self._grow(scale)
        starts, marks = stretches(ts, grid)
        if len(starts) == 1:
            rows: slice | Ints = slice(len(ts) - 1, None)
        elif len(starts) == len(ts):
            rows = slice(None)
        else:
            rows = last_rows(starts, len(ts))
        self.updates.append(Update(kind, scale, marks, ts[rows], first[rows], second[rows]))

    def forget_quotes(self, mark: int) -> None:
        """There are no quotes any more: from this mark on trades alone give the price, if there were any.

        Without trades the last quotes stay, and grow stale: no price at all would be worse.
        """
        traded = self.last or any(each.kind == LAST for each in self.updates)
        times = [self.ts_quote, *(int(each.ts[-1]) for each in self.updates if each.kind == QUOTE)]
        if not traded or not max(times):
            return
        nothing = np.zeros(1, dtype=np.int64)
        at, ts = (np.array([value], dtype=np.int64) for value in (mark, max(times)))
        self.updates.append(Update(QUOTE, self.scale, at, ts, nothing, nothing))

    @property
    def single(self) -> bool:
        """Whether a drain gives one row, made of one update: as in most single intervals."""
        return len(self.updates) == 1 and len(self.updates[0].marks) == 1

    def drain_row(self) -> tuple[int, int, int, int, int]:
        """What `drain` gives of a `single` track, without NumPy, which costs ten times as much for a row."""
        (update,) = self.updates
        self.updates = []
        factor = 10 ** (self.scale - update.scale)
        if update.kind == LAST:
            self.ts_last, self.last = update.ts.item(), update.first.item() * factor
        else:
            self.ts_quote = update.ts.item()
            self.bid, self.ask = update.first.item() * factor, update.second.item() * factor
        return update.marks.item(), max(self.ts_last, self.ts_quote), self.last, self.bid, self.ask

    def drain(self) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Marks, times of the data, last, bid and ask since the last drain; needs at least one update."""
        updates, self.updates = self.updates, []
        if len(updates) == 1:
            marks = updates[0].marks
        else:
            marks = _distinct(np.concatenate([each.marks for each in updates]))
        ts_last, last, _ = self._filled(LAST, updates, marks, (self.ts_last, self.last, 0))
        ts_quote, bid, ask = self._filled(QUOTE, updates, marks, (self.ts_quote, self.bid, self.ask))
        self.ts_last, self.last = int(ts_last[-1]), int(last[-1])
        self.ts_quote, self.bid, self.ask = int(ts_quote[-1]), int(bid[-1]), int(ask[-1])
        return marks, np.maximum(ts_last, ts_quote), last, bid, ask

    def _filled(
        self, kind: int, updates: list[Update], marks: Ints, before: tuple[int, int, int]
    ) -> tuple[Ints, Ints, Ints]:
        """Time and values of one kind as of each mark, carried forward from `before`."""
        mine = [each for each in updates if each.kind == kind]
        if not mine:
            return tuple(np.full(len(marks), value, dtype=np.int64) for value in before)  # type: ignore[return-value]
        ts = np.concatenate([each.ts for each in mine])
        values = [
            np.concatenate([rescaled(each.first, each.scale, self.scale) for each in mine]),
            np.concatenate([rescaled(each.second, each.scale, self.scale) for each in mine]),
        ]
        at = np.concatenate([each.marks for each in mine])
        if len(mine) > 1:
            # Batches of one kind from two sources may interleave; of equal times the later batch counts.
            order = np.argsort(ts, kind="stable")
            ts, at, values = ts[order], at[order], [each[order] for each in values]
        columns = (ts, *values)
        if len(at) == len(marks) and (at == marks).all():
            return columns  # type: ignore[return-value]
        index = np.searchsorted(at, marks, side="right") - 1
        known = index >= 0
        if known[0]:
            return tuple(each[index] for each in columns)  # type: ignore[return-value]
        return tuple(  # type: ignore[return-value]
            np.where(known, each[index], np.int64(value)) for each, value in zip(columns, before, strict=True)
        )

    def _grow(self, scale: int) -> None:
        factor = 10 ** (scale - self.scale)
        self.last, self.bid, self.ask = self.last * factor, self.bid * factor, self.ask * factor
        self.scale = scale


def _distinct(marks: Ints) -> Ints:
    """The marks in order, each once. They mostly are in order: `np.unique` would sort or hash them all."""
    steps = np.diff(marks)
    if (steps < 0).any():
        marks = np.sort(marks)
        steps = np.diff(marks)
    kept: Ints = marks[np.concatenate((_FIRST, steps > 0))]
    return kept


def prices_message(tracks: dict[str, PriceTrack]) -> Prices | None:
    """Drain the tracks into one message, rows by mark, then instrument; None when nothing came."""
    keys = sorted(key for key, track in tracks.items() if track.updates)
    if not keys:
        return None
    if all(tracks[key].single for key in keys):
        return _single_rows(keys, [tracks[key] for key in keys])
    drained = [tracks[key].drain() for key in keys]
    index, (ts, ts_data, last, bid, ask) = _by_mark(drained)
    return Prices(
        instruments=tuple(keys),
        scales=tuple(tracks[key].scale for key in keys),
        index=index, ts=ts, ts_data=ts_data, last=last, bid=bid, ask=ask,
    )  # fmt: skip


def _by_mark(drained: Sequence[tuple[Ints, ...]]) -> tuple[NDArray[np.int32], list[Ints]]:
    """Which instrument each row is of, and the columns: by mark, then instrument."""
    numbers = np.arange(len(drained), dtype=np.int32)
    if len(drained) == 1:
        return np.zeros(len(drained[0][0]), dtype=np.int32), list(drained[0])
    marks = drained[0][0]
    if all(len(own[0]) == len(marks) and (own[0] == marks).all() for own in drained[1:]):
        # Each has a price at every mark, as with bars: nothing is to be sorted.
        rest = [_interleaved(each) for each in list(zip(*drained, strict=True))[1:]]
        return np.tile(numbers, len(marks)), [np.repeat(marks, len(drained)), *rest]
    index = np.repeat(numbers, [len(columns[0]) for columns in drained])
    columns = [np.concatenate(each) for each in zip(*drained, strict=True)]
    order = np.argsort(columns[0], kind="stable")  # at one mark the instruments stay in their order
    return index[order], [each[order] for each in columns]


def _interleaved(columns: Sequence[Ints]) -> Ints:
    if not any(each.any() for each in columns):
        return np.zeros(len(columns) * len(columns[0]), dtype=np.int64)
    return np.stack(columns, 1).ravel()


def _single_rows(keys: list[str], tracks: list[PriceTrack]) -> Prices:
    """The message of tracks that give one row each."""
    rows = sorted((row[0], place, row) for place, row in enumerate(track.drain_row() for track in tracks))
    columns = zip(*(row for _, _, row in rows), strict=True)
    ts, ts_data, last, bid, ask = (np.array(column, dtype=np.int64) for column in columns)
    return Prices(
        instruments=tuple(keys),
        scales=tuple(track.scale for track in tracks),
        index=np.array([place for _, place, _ in rows], dtype=np.int32),
        ts=ts, ts_data=ts_data, last=last, bid=bid, ask=ask,
    )  # fmt: skip
