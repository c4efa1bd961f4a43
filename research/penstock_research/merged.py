"""What features made of a chunk, in the order in which single intervals would have shown it.

Within an interval come first the rows that data brings at once, instrument by instrument, then the bars
that the end of the interval completes, by instrument and interval.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.base import Message
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.types import NEVER

from penstock_research.chunks import FeatureMessage, Ints, Places, Tape


class Merged:
    """The rows of all series, and how far the strategies have come."""

    def __init__(
        self, made: Sequence[Message], tapes: Mapping[str, Tape], parts: Mapping[str, int], grid: int
    ) -> None:
        """`made` in the order in which features put it out; `parts`: the interval of each source's bars."""
        self._messages = [each for each in made if isinstance(each, FeatureBars | FeatureRows)]
        self._parts = parts
        self._grid = grid
        self.at = 0
        """The next row to take."""
        self.marks: Ints = np.zeros(0, dtype=np.int64)
        """The mark of each row, ascending."""
        self._which: list[int] = []
        self._row: list[int] = []
        self._stop: list[int] = []
        """Of each row, where the stretch of its message ends in this order."""
        self._arrange(tapes)
        self._places = Places(self.marks)

    def _arrange(self, tapes: Mapping[str, Tape]) -> None:
        if not self._messages:
            return
        shown = [self._shown(which, tapes) for which in range(len(self._messages))]
        if len(self._messages) == 1 and (np.diff(shown[0][0]) >= 0).all():
            self.marks = shown[0][0]
            return
        ranks = {key: rank for rank, key in enumerate(sorted({each.instrument for each in self._messages}))}
        keys = []
        for which, (message, (marks, late)) in enumerate(zip(self._messages, shown, strict=True)):
            rows = len(marks)
            length = message.interval if isinstance(message, FeatureBars) else 0
            rank = np.full(rows, ranks[message.instrument], dtype=np.int64)
            place = np.where(late, length, which)
            own = np.full(rows, which, dtype=np.int64)
            keys.append(np.stack((marks, late.astype(np.int64), rank, place, own, np.arange(rows))))
        table = np.concatenate(keys, axis=1)
        ordered = table[:, np.lexsort(table[::-1])]
        self.marks, which_column, row_column = ordered[0], ordered[4], ordered[5]
        breaks = np.flatnonzero((np.diff(which_column) != 0) | (np.diff(row_column) != 1)) + 1
        stops = np.append(breaks, ordered.shape[1])
        self._which, self._row = which_column.tolist(), row_column.tolist()
        self._stop = np.repeat(stops, np.diff(stops, prepend=0)).tolist()

    def _shown(self, which: int, tapes: Mapping[str, Tape]) -> tuple[Ints, NDArray[np.bool_]]:
        """The mark of the interval in which each row is shown, and whether only its end brings it."""
        message = self._messages[which]
        marks: Ints = -(-message.ts // self._grid) * self._grid
        if isinstance(message, FeatureRows):
            return marks, np.zeros(len(marks), dtype=np.bool_)
        if message.source != "bars":
            return marks, np.ones(len(marks), dtype=np.bool_)
        # A larger bar whose last part is missing comes with a later part, or one part's time after its end.
        bars, part = tapes[message.instrument].bars, self._parts.get(message.instrument, 0)
        after = np.searchsorted(bars, marks, side="right")
        missing = ~np.isin(marks, bars)
        later = np.append(bars, NEVER)[after]
        given_up = -(-(message.ts + part) // self._grid) * self._grid
        late = missing & (later > given_up)
        return np.where(late, given_up, np.where(missing, later, marks)), late

    def until(self, mark: int) -> int:
        """Where the rows of the intervals up to `mark` end in this order, from the next row on."""
        return self._places.until(mark, self.at)

    def mark_of(self, row: int) -> int:
        """The mark of a row in this order."""
        return self._places[row]

    def piece(self, stop: int) -> tuple[FeatureMessage, int, int]:
        """The next rows of one message, [begin, end), none of them at or beyond place `stop`."""
        if not self._which:
            return self._messages[0], self.at, stop
        at = self.at
        begin = self._row[at]
        return self._messages[self._which[at]], begin, begin + min(self._stop[at], stop) - at
