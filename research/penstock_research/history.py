"""History through the services' own stages, runs of quiet intervals at once.

A run is the stretch of intervals in which no stage would put out anything but bars and prices. It is
handed over as columns; the interval that ends it, and the one after any output, stand alone. The
outputs are those of `penstock_kernel.chain`, which presents every interval: features depends on the
market data only and may run ahead; risk and execution say how many rows would leave them quiet; the
strategies stop after the row that made one of them speak. Execution is shown the data of an instrument
in which nothing works only when that changes: they do nothing else to it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.batch import between
from penstock_contracts.control import Command
from penstock_contracts.features import Prices
from penstock_contracts.market import BarBatch, Mark
from penstock_contracts.orders import OrderApproved, PnlSampled, PositionChanged, TradingStateChanged
from penstock_contracts.types import NEVER
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.grid import grid_after, grid_at_or_after
from penstock_kernel.stage import Outputs, Skippable, Stage

from penstock_research.chunks import Chunk, FeatureMessage, Places, Tape
from penstock_research.collector import sparing_collector
from penstock_research.merged import Merged

_Brought = tuple[list[Message], list[Message], list[Message]]
"""What strategy, risk and execution put out."""
Sink = Callable[[str, list[Message]], None]
"""Takes a producer and what it put out in one interval or run."""

ENDED_MARKS_MAX = 2000
_MAY_END = (Fill, OrderChanged)
_NOBODYS = frozenset({PositionChanged, PnlSampled})
"""What no stage takes."""
_TOLD_ONLY = frozenset({OrderSubmitted, OrderAccepted, PositionChanged, PnlSampled})
"""Who takes these answers at once or not at all: what is left of the next interval may pass with others."""


_MAY_PASS = _TOLD_ONLY | {Fill}
"""What may bring no more than word of a position, which needs no interval of its own."""


class RowStage(Stage, Protocol):
    """A strategy stage that can stop inside a batch."""

    def process_until_output(self, message: FeatureMessage, begin: int, end: int) -> tuple[int, Outputs]:
        """Process rows [begin, end) up to the first that brings an output; returns rows taken and outputs."""
        ...


class Venue(Skippable, Protocol):
    """An execution stage that knows where an order works."""

    def works_in(self, instrument: str) -> bool:
        """Whether an order works, or is on its way to the venue, in an instrument."""
        ...


class Sampling(Skippable, Protocol):
    """A risk stage that samples the account on its way through a run of intervals."""

    def next_due_apart(self) -> int:
        """When it is due apart from samples, ns."""
        ...

    def pass_run(self, rows: tuple[Prices, int, int] | None, end: Mark) -> Outputs:
        """Take these rows of prices and end the run; puts out the samples of the intervals inside."""
        ...


class _Pieces:
    """A chunk, what features made of it, and how far each reader has come."""

    def __init__(self, chunk: Chunk, made: list[Message], parts: dict[str, int], grid: int) -> None:
        self.end = chunk.end
        self.tapes = {key: Tape(line, grid) for key, line in chunk.lines.items()}
        self.rows = Merged(made, self.tapes, parts, grid)
        self.prices = next((each for each in made if isinstance(each, Prices)), None)
        marks = self.prices.ts if self.prices is not None else np.zeros(0, dtype=np.int64)
        self.price_marks = Places(np.ascontiguousarray(marks))
        self.price = 0

    def take_prices(self, before: int) -> tuple[Prices, int, int] | None:
        """The prices of all marks before `before` that were not taken yet: message, begin, end."""
        first = self.price
        stop = self.price = self.price_marks.until(before - 1, first)
        return None if self.prices is None or stop == first else (self.prices, first, stop)


class HistoryRun:
    """Runs four stages over history, chunk by chunk."""

    def __init__(
        self,
        features: Stage,
        strategy: RowStage,
        risk: Sampling,
        execution: Venue,
        grid: int,
        sink: Sink,
        *,
        ahead: bool = True,
    ) -> None:
        """Without `ahead`, which features that compare instruments need, intervals come one by one."""
        self._features, self._strategy, self._risk, self._execution = features, strategy, risk, execution
        self._grid = grid
        self._sink = sink
        self._ahead_allowed = ahead
        self.mark = 0
        """End of the last interval."""
        self._alone = True
        """The next interval must stand alone: something was put out in the one before, or may be."""
        self._ord: list[Message] = []
        self._ven: list[Message] = []
        self._untaken: list[Message] = []
        """What features put out in the last interval: risk takes it before the next."""
        self._parts: dict[str, int] = {}
        """The interval of the bars that each instrument's source delivers."""
        self._working: dict[str, None] = {}
        """Instruments in which an order may work."""
        self._unseen: list[str] = []
        """Those of them whose data execution was not shown yet."""
        self._features_ahead = False
        """Features has gone beyond the interval in which the data was said to be over."""
        self._ended = False
        self._may_stop = False
        """The trading state has changed: a stop may have been the reason."""
        self.commands: list[Command] = []
        """Commands for the next mark."""
        self.span_max = NEVER
        """Most event time that a run of intervals may span, ns."""
        self.tells_apart = False
        """Each change of a position ends a step, for somebody who may act on it."""
        self.flat = False
        self.presented = 0

    def run(self, chunks: Iterable[Chunk], start: int) -> None:
        """Run everything, until all is flat after the end of the data."""
        with sparing_collector():
            for _ in self.steps(chunks, start):
                pass

    def steps(self, chunks: Iterable[Chunk], start: int) -> Iterator[int]:
        """The same step by step: yields the mark that each interval or run of intervals came to."""
        self.mark = start
        for chunk in chunks:
            if chunk.alone:
                yield from self._lockstep(chunk)
            elif self._ahead_allowed:
                yield from self._ahead(chunk)
            else:
                yield from self._each(chunk)
            if self._ended:
                break
        yield from self._after_the_data()

    def end(self) -> None:
        """Treat the data as over after the present interval."""
        self._ended = True

    # --- A chunk ---------------------------------------------------------------------------------------

    def _lockstep(self, chunk: Chunk) -> Iterator[int]:
        """One interval, features included."""
        self._whole(chunk.messages, Mark(ts=chunk.end, start=self.mark, commands=self._take_commands()))
        yield self.mark

    def _ahead(self, chunk: Chunk) -> Iterator[int]:
        made = self._features_of(chunk.messages, Mark(ts=chunk.end, start=self.mark))
        pieces = _Pieces(chunk, made, self._parts, self._grid)
        while self.mark < chunk.end and not self._ended:
            if self._alone or self.commands:
                self._interval(pieces, self.mark + self._grid)
            else:
                self._run_of_intervals(pieces)
            yield self.mark
        for tape in pieces.tapes.values():
            self._show(tape, self.mark)
        rest = pieces.take_prices(self.mark + 1)
        self._untaken = [] if rest is None else [between(*rest)]
        self._features_ahead = self.mark < chunk.end
        self._alone = True

    def _each(self, chunk: Chunk) -> Iterator[int]:
        """Every interval of a chunk that has data, features included; the empty ones between them at once."""
        tapes = [Tape(line, self._grid) for line in chunk.lines.values()]
        stages = (self._features, self._strategy, self._risk, self._execution)
        while self.mark < chunk.end and not self._ended:
            target = self.mark + self._grid
            if not (self._alone or self.commands or self._ord or self._ven):
                due = min(stage.status().next_due for stage in stages)
                following = min((mark for tape in tapes if (mark := tape.next_mark())), default=chunk.end)
                following = min(following, max(grid_at_or_after(due, self._grid), target), chunk.end)
                target = max(target, following - self._grid)
            messages = [between(*part) for tape in tapes for part in tape.take(target)]
            self._whole(messages, Mark(ts=target, start=self.mark, commands=self._take_commands()))
            yield self.mark

    def _run_of_intervals(self, pieces: _Pieces) -> None:
        """Present quiet intervals as one, up to the one before the next interval that stands alone."""
        grid, mark = self._grid, self.mark
        others: _Brought | None = None
        if self._ord or self._ven:
            others = self._taken(pieces, mark + grid)
            if not self._only_told(others):
                self._interval(pieces, mark + grid, others)
                return
            self._ord, self._ven = [], []
        last = min(pieces.end, max(grid_after(mark, grid), (mark + self.span_max) // grid * grid))
        alone = self._ask_risk(pieces, self._until_due(last + grid))
        for key in self._working:
            alone = self._ask_execution(pieces.tapes[key], alone)
        signals: list[Message] = []
        alone = self._ask_strategy(pieces.rows, alone, last, signals)
        if others is not None and alone > mark + grid:
            if others[1]:
                self._sink("risk", others[1])
            others = None
        self._pass(pieces, alone - grid)
        if alone <= last:
            self._interval(pieces, alone, others, signals=signals)

    def _only_told(self, others: _Brought) -> bool:
        """Whether what was taken brought nothing but word of a position: that needs no interval."""
        sig, ord_, ven = others
        if sig or ven:
            return False
        return not ord_ or (not self.tells_apart and {type(each) for each in ord_} <= _NOBODYS)

    def _until_due(self, mark: int) -> int:
        """The first interval up to `mark` in which a stage will act of its own accord."""
        risk = self._risk
        due = min(
            self._strategy.status().next_due,
            risk.status().next_due if self.tells_apart else risk.next_due_apart(),
            self._execution.status().next_due,
        )
        if due > mark:
            return mark
        return max(grid_at_or_after(due, self._grid), self.mark + self._grid)

    def _ask_risk(self, pieces: _Pieces, alone: int) -> int:
        """The first interval up to `alone` before which a price could reach a stop."""
        prices, first = pieces.prices, pieces.price
        stop = pieces.price_marks.until(alone - 1, first)
        if prices is not None and stop > first:
            quiet = self._risk.quiet_rows(prices, first, stop)
            if quiet < stop - first:
                return pieces.price_marks[first + quiet] + self._grid
        return alone

    def _ask_execution(self, tape: Tape, alone: int) -> int:
        """The first interval up to `alone` in which a row could do something to an order."""
        for message, begin, end, places in tape.before(alone):
            quiet = self._execution.quiet_rows(message, begin, end)
            if quiet < end - begin:
                return places[begin + quiet]
        return alone

    def _ask_strategy(self, rows: Merged, alone: int, last: int, signals: list[Message]) -> int:
        """Have the strategies take their rows up to both marks; returns the interval in which one spoke."""
        stop = rows.until(min(alone, last))
        while rows.at < stop:
            message, begin, end = rows.piece(stop)
            taken, outputs = self._strategy.process_until_output(message, begin, end)
            rows.at += taken
            if outputs:
                signals += outputs
                return rows.mark_of(rows.at - 1)
        return alone

    def _pass(self, pieces: _Pieces, mark: int) -> None:
        """Everything up to `mark` is quiet: hand it over as one run."""
        if mark <= self.mark:
            return
        end = Mark(ts=mark, start=self.mark)
        samples = list(self._risk.pass_run(pieces.take_prices(mark), end))
        _silent([each for each in samples if type(each) is not PnlSampled])
        if samples:
            self._sink("risk", samples)
        for key in self._working:
            for part in pieces.tapes[key].take(mark):
                _silent(self._execution.process_rows(*part))
        for stage in (self._strategy, self._execution):
            _silent(stage.end_interval(end))
        self.mark = mark
        self.presented += 1

    def _taken(self, pieces: _Pieces, mark: int) -> _Brought:
        """All stages take what comes before the interval that ends at `mark`; returns what that brings."""
        for key in self._unseen:
            self._show(pieces.tapes[key], self.mark)
        self._unseen = []
        return self._others(pieces.take_prices(mark))

    def _interval(
        self, pieces: _Pieces, mark: int, others: _Brought | None = None, *, signals: Sequence[Message] = ()
    ) -> None:
        """One interval of a chunk. With `others` what comes before it was taken, and brought this; with
        `signals` the strategies have taken their rows of it already.
        """
        sig, ord_, ven = self._taken(pieces, mark) if others is None else others
        sig += signals
        rows, stop = pieces.rows, pieces.rows.until(mark)
        while rows.at < stop:
            message, begin, end = rows.piece(stop)
            taken, outputs = self._strategy.process_until_output(message, begin, end)
            rows.at += taken
            sig += outputs
        for key in self._working:
            for part in pieces.tapes[key].take(mark):
                ven += self._execution.process_rows(*part)
        self._close(Mark(ts=mark, start=self.mark, commands=self._take_commands()), sig, ord_, ven)

    def _show(self, tape: Tape, mark: int) -> None:
        """Execution sees what it was not shown of an instrument in which nothing worked."""
        for part in tape.take(mark):
            _silent(self._execution.process_rows(*part))

    # --- An interval -----------------------------------------------------------------------------------

    def _whole(self, messages: list[Message], end: Mark) -> None:
        """One interval through all four stages."""
        made = [] if self._features_ahead else self._features_of(messages, end)
        self._unseen = []
        sig, ord_, ven = self._others()
        for message in made:
            sig += self._strategy.process(message)
        for message in messages:
            ven += self._execution.process(message)
        self._close(end, sig, ord_, ven)
        self._untaken = made
        # What risk takes next, a definition or a price, may bring an output then.
        self._alone = self._alone or bool(made or messages)

    def _features_of(self, messages: list[Message], end: Mark) -> list[Message]:
        made: list[Message] = []
        for message in messages:
            made += self._features.process(message)
            if type(message) is BarBatch:
                self._parts[message.instrument] = message.interval
        made += self._features.end_interval(end)
        self._sink("features", made)
        return made

    def _others(self, prices: tuple[Prices, int, int] | None = None) -> _Brought:
        """Each stage takes the other families' messages of the interval before; returns what they bring."""
        sig: list[Message] = []
        ord_: list[Message] = []
        ven: list[Message] = []
        if self._untaken:
            untaken, self._untaken = self._untaken, []
            for message in untaken:
                ord_ += self._risk.process(message)
        if prices is not None:
            ord_ += self._risk.process_rows(*prices)
        for message in self._ven:
            sig += self._strategy.process(message)
            ord_ += self._risk.process(message)
        for message in self._ord:
            sig += self._strategy.process(message)
            ven += self._execution.process(message)
        return sig, ord_, ven

    def _close(self, end: Mark, sig: list[Message], ord_: list[Message], ven: list[Message]) -> None:
        sig += self._strategy.end_interval(end)
        for message in sig:
            ord_ += self._risk.process(message)
        ord_ += self._risk.end_interval(end)
        ven += self._execution.end_interval(end)
        self._ord, self._ven = ord_, ven
        self._alone = bool(sig)
        self.mark = end.ts
        self.presented += 1
        if sig:
            self._sink("strategy", sig)
        if ord_ or ven:
            self._told(ord_, ven)

    def _told(self, ord_: list[Message], ven: list[Message]) -> None:
        """What risk and execution put out in an interval: it may leave the next one alone, or end the run."""
        if ord_:
            self._sink("risk", ord_)
        if ven:
            self._sink("execution", ven)
        kinds = {type(message) for message in (*ord_, *ven)}
        if not kinds <= _TOLD_ONLY:
            # After a change of the trading state risk may have more to close when a fill is known.
            self._alone = self._alone or self._may_stop or self.tells_apart or not kinds <= _MAY_PASS
            self._follow_orders()
            self._may_stop = self._may_stop or TradingStateChanged in kinds
        if ord_ and self._may_stop:
            status = self._risk.status()
            self._ended = self._ended or bool(status.stop and status.flat)

    def _follow_orders(self) -> None:
        """Keep in mind in which instruments an order may work."""
        approved = {each.instrument: None for each in self._ord if type(each) is OrderApproved}
        for key in {message.instrument: None for message in self._ven if type(message) in _MAY_END}:
            if key in self._working and key not in approved and not self._execution.works_in(key):
                del self._working[key]
        for key in approved:
            if key not in self._working:
                self._working[key] = None
                self._unseen.append(key)

    def _take_commands(self) -> tuple[Command, ...]:
        commands, self.commands = tuple(self.commands), []
        return commands

    # --- The end ---------------------------------------------------------------------------------------

    def _after_the_data(self) -> Iterator[int]:
        """Marks after the data until nothing works and everything is flat."""
        for _ in range(ENDED_MARKS_MAX):
            ts = grid_after(self.mark, self._grid)
            self._whole([], Mark(ts=ts, start=self.mark, ended=True, commands=self._take_commands()))
            yield self.mark
            if self._risk.status().flat:
                self.flat = True
                return
        raise RuntimeError(f"{ENDED_MARKS_MAX} marks after the data the account is still not flat")


def _silent(outputs: Outputs) -> None:
    if outputs:
        raise RuntimeError(f"{type(outputs[0]).__name__} came out of a run that was said to be quiet")
