"""History through the services' own stages, runs of quiet intervals at once.

A run is the stretch of intervals in which no stage would put out anything but bars and prices. It is
handed over as columns; the interval that ends it, and the one after any output, stand alone. The
outputs are those of `penstock_kernel.chain`, which presents every interval: features depends on the
market data only and may run ahead; risk and execution say how many rows would leave them quiet; the
strategy stops after the row that made it speak.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.features import FeatureBars, FeatureRows, Prices
from penstock_contracts.market import BarBatch, Mark, QuoteBatch, TradeBatch
from penstock_contracts.types import NEVER
from penstock_kernel.grid import grid_after, grid_at_or_after
from penstock_kernel.stage import Outputs, Skippable, Stage

Batch = TradeBatch | QuoteBatch | BarBatch
Sink = Callable[[str, list[Message]], None]
"""Takes a producer and what it put out in one interval or run."""

ENDED_MARKS_MAX = 2000


class RowStage(Stage, Protocol):
    """A strategy stage that can stop inside a batch."""

    def process_until_output(self, message: Message, begin: int, end: int) -> tuple[int, Outputs]:
        """Process rows [begin, end) up to the first that brings an output; returns rows taken and outputs."""
        ...


class _Pieces:
    """One chunk of history: its rows, what features made of them, and how far each reader has come."""

    def __init__(self, batch: Batch, bars: Message | None, prices: Prices, grid: int) -> None:
        self.batch = batch
        self.row_marks = -(-batch.ts_init // grid) * grid
        self.bars = bars
        self.bar_marks = None if bars is None else -(-bars.ts // grid) * grid
        self.prices = prices
        self.end = int(self.row_marks[-1])
        self.row = self.bar = self.price = 0


class HistoryRun:
    """Runs four stages over the history of one instrument."""

    def __init__(
        self,
        features: Stage,
        strategy: RowStage,
        risk: Skippable,
        execution: Skippable,
        grid: int,
        sink: Sink,
    ) -> None:
        self._features, self._strategy, self._risk, self._execution = features, strategy, risk, execution
        self._grid = grid
        self._sink = sink
        self._mark = 0
        self._alone = True
        """The next interval must stand alone: something was put out in the one before, or may be."""
        self._ord: list[Message] = []
        self._ven: list[Message] = []
        self._untaken: Prices | None = None
        """Prices of the last interval: risk takes them before the next."""
        self._early_sig: list[Message] = []
        self._early_ven: list[Message] = []
        """Outputs of the interval that begins, made by messages without rows."""
        self._passing: list[Message] = []
        self._passed: list[Message] = []
        """What features passed on in the interval that begins, and in the one before."""
        self.flat = False
        self.presented = 0

    def run(self, messages: Iterable[Message], start: int) -> None:
        """Run history whose first datum lies after the mark `start`, in order; then the end of the data."""
        self._mark = start
        for message in messages:
            if isinstance(message, TradeBatch | QuoteBatch | BarBatch):
                self._chunk(message)
            else:
                self._single(message)
        self._end()

    def _single(self, message: Message) -> None:
        """An instrument, a status, a gap: what features passes on is the strategy's now, risk's next."""
        passed = list(self._features.process(message))
        self._sink("features", passed)
        for each in passed:
            self._early_sig += self._strategy.process(each)
        self._early_ven += self._execution.process(message)
        self._passing += passed
        self._alone = self._alone or bool(passed or self._early_sig or self._early_ven)

    def _chunk(self, batch: Batch) -> None:
        grid = self._grid
        last = grid_at_or_after(int(batch.ts_init[-1]), grid)
        ahead = [*self._features.process(batch)]
        ahead += self._features.end_interval(Mark(ts=last, start=self._mark))
        self._sink("features", ahead)
        rows = [each for each in ahead if isinstance(each, FeatureBars | FeatureRows)]
        prices = [each for each in ahead if isinstance(each, Prices)]
        if len(rows) > 1 or len(prices) != 1:
            raise ValueError("history is run for one instrument with one series of bars or rows")
        pieces = _Pieces(batch, rows[0] if rows else None, prices[0], grid)
        while self._mark < pieces.end:
            if self._alone:
                self._interval(pieces, self._mark + grid)
            else:
                self._run_of_intervals(pieces)

    def _run_of_intervals(self, pieces: _Pieces) -> None:
        """Present quiet intervals as one, up to the one before the next interval that stands alone."""
        grid, mark = self._grid, self._mark
        due = min(
            self._strategy.status().next_due, self._risk.status().next_due, self._execution.status().next_due
        )
        alone = pieces.end if due == NEVER else min(pieces.end, max(grid_at_or_after(due, grid), mark + grid))
        prices = pieces.prices
        first = pieces.price
        stop = int(np.searchsorted(prices.ts, alone, side="left"))
        if stop > first:
            quiet = self._risk.quiet_rows(part_of(prices, first, stop))
            if quiet < stop - first:
                alone = int(prices.ts[first + quiet]) + grid
        row_stop = int(np.searchsorted(pieces.row_marks, alone, side="left"))
        if row_stop > pieces.row:
            quiet = self._execution.quiet_rows(part_of(pieces.batch, pieces.row, row_stop))
            if quiet < row_stop - pieces.row:
                alone = int(pieces.row_marks[pieces.row + quiet])
        signals: list[Message] = []
        alone = self._ask_strategy(pieces, alone, signals)
        self._pass(pieces, alone - grid)
        self._interval(pieces, alone, signals)

    def _ask_strategy(self, pieces: _Pieces, alone: int, signals: list[Message]) -> int:
        """Have the strategy take its rows up to `alone`; returns the interval in which it spoke."""
        if pieces.bars is None or pieces.bar_marks is None:
            return alone
        stop = int(np.searchsorted(pieces.bar_marks, alone, side="right"))
        if stop > pieces.bar:
            consumed, outputs = self._strategy.process_until_output(pieces.bars, pieces.bar, stop)
            pieces.bar += consumed
            if outputs:
                signals += outputs
                return int(pieces.bar_marks[pieces.bar - 1])
        return alone

    def _pass(self, pieces: _Pieces, mark: int) -> None:
        """Everything up to `mark` is quiet: hand it over as one run."""
        if mark <= self._mark:
            return
        self._take_prices(pieces, mark)
        stop = int(np.searchsorted(pieces.row_marks, mark, side="right"))
        if stop > pieces.row:
            _silent(self._execution.process(part_of(pieces.batch, pieces.row, stop)))
            pieces.row = stop
        end = Mark(ts=mark, start=self._mark)
        for stage in (self._strategy, self._risk, self._execution):
            _silent(stage.end_interval(end))
        self._mark = mark
        self.presented += 1

    def _take_prices(self, pieces: _Pieces, before: int) -> list[Message]:
        """Risk takes the prices of all marks before `before`."""
        outputs: list[Message] = []
        stop = int(np.searchsorted(pieces.prices.ts, before, side="left"))
        if stop > pieces.price:
            outputs += self._risk.process(part_of(pieces.prices, pieces.price, stop))
            pieces.price = stop
        return outputs

    def _take_passed(self) -> list[Message]:
        """Risk takes what features passed on, and the prices, of the interval before."""
        passed, self._passed, self._passing = self._passed, self._passing, []
        untaken, self._untaken = self._untaken, None
        outputs: list[Message] = []
        for message in passed if untaken is None else [*passed, untaken]:
            outputs += self._risk.process(message)
        return outputs

    def _interval(self, pieces: _Pieces, mark: int, signals: list[Message] | None = None) -> None:
        """One interval in full. With `signals` the strategy has taken its rows of it already."""
        sig: list[Message] = []
        for message in (*self._ven, *self._ord):
            sig += self._strategy.process(message)
        sig += self._early_sig
        ord_ = self._take_passed()
        ord_ += self._take_prices(pieces, mark)
        for message in self._ven:
            ord_ += self._risk.process(message)
        ven: list[Message] = []
        for message in self._ord:
            ven += self._execution.process(message)
        ven += self._early_ven
        self._early_sig, self._early_ven = [], []
        sig += signals if signals is not None else []
        if pieces.bars is not None and pieces.bar_marks is not None:
            stop = int(np.searchsorted(pieces.bar_marks, mark, side="right"))
            while pieces.bar < stop:
                taken, outputs = self._strategy.process_until_output(pieces.bars, pieces.bar, stop)
                pieces.bar += taken
                sig += outputs
        stop = int(np.searchsorted(pieces.row_marks, mark, side="right"))
        if stop > pieces.row:
            ven += self._execution.process(part_of(pieces.batch, pieces.row, stop))
            pieces.row = stop
        self._close(Mark(ts=mark, start=self._mark), sig, ord_, ven)
        if mark == pieces.end:
            self._untaken = part_of(pieces.prices, pieces.price, len(pieces.prices.ts))
            if not len(self._untaken.ts):
                self._untaken = None
            self._alone = True

    def _close(self, end: Mark, sig: list[Message], ord_: list[Message], ven: list[Message]) -> None:
        sig += self._strategy.end_interval(end)
        for message in sig:
            ord_ += self._risk.process(message)
        ord_ += self._risk.end_interval(end)
        ven += self._execution.end_interval(end)
        self._ord, self._ven = ord_, ven
        self._alone = bool(sig or ord_ or ven or self._passed)
        self._mark = end.ts
        self.presented += 1
        for producer, made in (("strategy", sig), ("risk", ord_), ("execution", ven)):
            if made:
                self._sink(producer, made)

    def _end(self) -> None:
        """Marks after the data until nothing works and everything is flat."""
        for _ in range(ENDED_MARKS_MAX):
            mark = Mark(ts=grid_after(self._mark, self._grid), start=self._mark, ended=True)
            made = list(self._features.end_interval(mark))
            sig: list[Message] = []
            for message in (*self._ven, *self._ord):
                sig += self._strategy.process(message)
            ord_ = self._take_passed()
            for message in self._ven:
                ord_ += self._risk.process(message)
            ven: list[Message] = []
            for message in self._ord:
                ven += self._execution.process(message)
            for message in made:
                sig += self._strategy.process(message)
            self._sink("features", made)
            self._close(mark, sig, ord_, ven)
            if self._risk.status().flat:
                self.flat = True
                return
        raise RuntimeError(f"{ENDED_MARKS_MAX} marks after the data the account is still not flat")


def _silent(outputs: Outputs) -> None:
    if outputs:
        raise RuntimeError(f"{type(outputs[0]).__name__} came out of a run that was said to be quiet")
