"""The features stage: market data in, bars, feature rows and prices out."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.codec import decode, encode
from penstock_contracts.features import FeatureBars
from penstock_contracts.market import (
    BarBatch,
    BookBatch,
    Gap,
    InstrumentDefined,
    InstrumentStatus,
    QuoteBatch,
    Rate,
    TradeBatch,
)
from penstock_contracts.types import NEVER, RowFlag
from penstock_kernel.book import OrderBook
from penstock_kernel.grid import grid_at_or_after
from penstock_kernel.session import SessionConfig
from penstock_kernel.stage import NOTHING, IntervalEnd, Outputs, StageStatus
from pydantic import TypeAdapter, ValidationError

from penstock_features.aggregate import BarAggregator
from penstock_features.bars import Bar, TradeBars
from penstock_features.config import FeaturesConfig
from penstock_features.prices import LAST, QUOTE, PriceTrack, prices_message
from penstock_features.series import AnyBar, BarSeries, BarSource, RowSeries
from penstock_features.tops import tops


@dataclass(slots=True)
class _Series:
    """What a snapshot keeps of one series of bars."""

    from_trades: TradeBars
    from_bars: BarAggregator
    features: list[str]
    closes: list[tuple[int, float]] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """Everything that a snapshot holds."""

    __pydantic_config__ = {"ser_json_inf_nan": "constants", "extra": "forbid"}  # noqa: RUF012

    set_version: str
    began: int | None = None
    """Event time at which the session's data began."""
    data_end: int | None = None
    """The first mark that said the data is over."""
    mark: int = 0
    fed_by: dict[str, str] = field(default_factory=dict)
    """Per instrument: `trades`, `quotes` or `bars`; its bars are made of nothing else."""
    tracks: dict[str, PriceTrack] = field(default_factory=dict)
    books: dict[str, OrderBook] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    bars: int = 0
    rows: int = 0
    series: list[_Series] = field(default_factory=list)
    row_features: list[list[str]] = field(default_factory=list)
    waiting: list[tuple[int, str]] = field(default_factory=list)
    """Place of the series, and bars that wait for those of other instruments, as on the wire."""


_STATE = TypeAdapter(State)


class FeaturesStage:
    """Bars with features (md bars at once, others when they end), feature rows, a price per mark."""

    def __init__(self, config: FeaturesConfig, session: SessionConfig) -> None:
        self._grid = session.grid
        self._decimals = {each.instrument: each.price_decimals for each in session.instruments}
        self._quoted = frozenset(session.quoted)
        in_quote = {each.instrument for each in session.instruments if each.volume_unit == "quote"}
        self._series = [
            BarSeries(spec, config.set_version, volume_in_quote=spec.instrument in in_quote)
            for spec in sorted(config.bars, key=lambda spec: (spec.instrument, spec.interval))
        ]
        self._orders: dict[str, list[int]] = {}
        """Instrument -> places of its series."""
        for order, series in enumerate(self._series):
            self._orders.setdefault(series.spec.instrument, []).append(order)
        self._places = {(each.spec.instrument, each.spec.interval): each for each in self._series}
        for series in self._series:
            for other in series.features.others:
                self._places[other, series.spec.interval].followed = True
        self._waiting: list[tuple[int, FeatureBars]] = []
        """Bars that are compared with other instruments', until the interval ends."""
        self._rows = {
            (spec.instrument, spec.trigger): RowSeries(spec, config.set_version) for spec in config.rows
        }
        for series in self._series:
            if series.spec.interval % session.grid:
                raise ValueError(
                    f"bars of {series.spec.instrument}: interval {series.spec.interval} ns is no multiple "
                    f"of the marks' grid of {session.grid} ns"
                )
        self._state = State(config.set_version, began=session.start or None)

    def process(self, message: Message) -> Outputs:
        """React to market data; instruments, status, rates and gaps are passed on."""
        kind = type(message)
        if kind is TradeBatch:
            return self._trades(message)
        if kind is QuoteBatch:
            return self._quotes(message)
        if kind is BookBatch:
            return self._books(message)
        if kind is BarBatch:
            return self._bars(message)
        if kind is InstrumentDefined or kind is InstrumentStatus or kind is Rate:
            return (message,)
        if kind is Gap:
            self._gap(message)
            return (message,)
        return NOTHING

    def end_interval(self, end: IntervalEnd) -> Outputs:
        """Put out the bars that end by `end.ts`, in the order of their ends, then the prices."""
        state = self._state
        if state.began is None:
            state.began = end.start
        if end.ended and state.data_end is None:
            state.data_end = end.ts
        due: list[tuple[int, int, AnyBar]] = []
        for order, series in enumerate(self._series):
            due += [(bar.end, order, self._flagged(series, bar)) for bar in series.from_trades.take(end.ts)]
            overdue = series.from_bars.overdue(end.ts)
            if overdue is not None:
                due.append((overdue.end, order, overdue))
        made: list[tuple[int, FeatureBars]] = []
        due.sort(key=lambda entry: entry[:2])
        for order, entries in groupby(due, key=lambda entry: entry[1]):
            made.append((order, self._finished(order, [bar for _, _, bar in entries])))
        outputs: list[Message] = self._compared(made)
        prices = prices_message(state.tracks)
        if prices is not None:
            outputs.append(prices)
        state.mark = end.ts
        if state.gaps:
            self._forget_gaps()
        return outputs

    def status(self) -> StageStatus:
        """Due at the end of the earliest bar that has begun."""
        return StageStatus(next_due=min((series.next_due() for series in self._series), default=NEVER))

    def describe(self) -> dict[str, Any]:
        """How much was put out, and what the bars are made of."""
        state = self._state
        return {
            "bars": state.bars,
            "rows": state.rows,
            "fed_by": dict(state.fed_by),
            "set": state.set_version,
        }

    def snapshot(self) -> bytes:
        """The state as JSON."""
        self._state.series = [
            _Series(series.from_trades, series.from_bars, series.features.state(), series.closes)
            for series in self._series
        ]
        self._state.waiting = [(order, b64encode(encode(bars)).decode()) for order, bars in self._waiting]
        self._state.row_features = [series.features.state() for series in self._rows.values()]
        return _STATE.dump_json(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot of the same feature set. ValueError when it is another's."""
        try:
            restored = _STATE.validate_json(state)
        except ValidationError as error:
            raise ValueError(f"not a snapshot of features: {error.error_count()} errors") from error
        if restored.set_version != self._state.set_version or len(restored.series) != len(self._series):
            raise ValueError(
                f"a snapshot of feature set {restored.set_version}, not {self._state.set_version}"
            )
        for series, saved in zip(self._series, restored.series, strict=True):
            series.from_trades, series.from_bars = saved.from_trades, saved.from_bars
            series.features.resume(saved.features)
            series.closes = saved.closes
        self._waiting = [(order, _read(saved)) for order, saved in restored.waiting]
        for rows, features in zip(self._rows.values(), restored.row_features, strict=True):
            rows.features.resume(features)
        self._state = restored

    def _trades(self, batch: TradeBatch) -> Outputs:
        if not self._accepts(batch):
            return NOTHING
        key = batch.instrument
        last = batch.price
        self._track(key).add(LAST, batch.price_scale, self._grid, ts=batch.ts_init, first=last, second=last)
        if self._state.fed_by.setdefault(key, "trades") == "trades":
            for order in self._orders.get(key, ()):
                self._series[order].from_trades.add(batch)
        return self._feature_rows(batch, "trade")

    def _quotes(self, batch: QuoteBatch) -> Outputs:
        if not self._accepts(batch):
            return NOTHING
        book = self._state.books.get(batch.instrument)
        # The book's own best prices go before quotes.
        return NOTHING if book is not None and book.valid else self._top(batch)

    def _books(self, batch: BookBatch) -> Outputs:
        if not self._accepts(batch):
            return NOTHING
        quotes = tops(self._state.books.setdefault(batch.instrument, OrderBook()), batch)
        return NOTHING if quotes is None else self._top(quotes)

    def _top(self, batch: QuoteBatch) -> Outputs:
        key = batch.instrument
        track = self._track(key)
        track.add(QUOTE, batch.price_scale, self._grid, ts=batch.ts_init, first=batch.bid, second=batch.ask)
        if key in self._quoted and self._state.fed_by.setdefault(key, "quotes") == "quotes":
            for order in self._orders.get(key, ()):
                self._series[order].from_trades.add_quotes(batch)
        return self._feature_rows(batch, "quote")

    def _gap(self, gap: Gap) -> None:
        if not gap.book:
            self._state.gaps.append(gap)
            return
        for key, book in self._state.books.items():
            if gap.instrument in (None, key):
                book.gap()
                self._track(key).forget_quotes(grid_at_or_after(gap.ts_init, self._grid))

    def _feature_rows(self, batch: TradeBatch | QuoteBatch, trigger: Literal["trade", "quote"]) -> Outputs:
        series = self._rows.get((batch.instrument, trigger))
        if series is None:
            return NOTHING
        self._state.rows += len(batch.ts_init)
        return (series.rows(batch),)

    def _bars(self, batch: BarBatch) -> Outputs:
        if not self._accepts(batch):
            return NOTHING
        key = batch.instrument
        last = batch.close
        self._track(key).add(LAST, batch.price_scale, self._grid, ts=batch.ts_init, first=last, second=last)
        mine = self._orders.get(key, ())
        if not mine or self._state.fed_by.setdefault(key, "bars") != "bars":
            return NOTHING
        fed = [order for order in mine if self._series[order].usable(batch)]
        if not fed and all(self._series[order].from_bars.part == 0 for order in mine):
            wanted = ", ".join(str(self._series[order].spec.interval) for order in mine)
            raise ValueError(f"{key}: bars of {wanted} ns cannot be made of bars of {batch.interval} ns")
        return self._from_bars(batch, fed)

    def _from_bars(self, batch: BarBatch, fed: list[int]) -> Outputs:
        """The source's bars and the larger ones that they complete, in the order of the batch's rows."""
        outputs: list[Message] = []
        passed_on: FeatureBars | None = None
        passed_order = 0
        completed: list[tuple[int, int, AnyBar]] = []
        for order in fed:
            series = self._series[order]
            if series.spec.interval == batch.interval:
                passed_on, passed_order = series.passed_on(batch), order
                self._state.bars += len(batch.ts_event)
            else:
                completed += [(row, order, bar) for row, bar in series.from_bars.add(batch)]
        completed.sort(key=lambda entry: entry[:2])
        done = 0
        # Without bars passed on between them, those of one series go out together.
        for (row, order), entries in groupby(
            completed, key=lambda entry: (entry[0] if passed_on is not None else 0, entry[1])
        ):
            if passed_on is not None and row > done:
                outputs += self._wait(passed_order, part_of(passed_on, done, row))
                done = row
            outputs += self._wait(order, self._finished(order, [bar for _, _, bar in entries]))
        if passed_on is not None and done < len(batch.ts_event):
            rest = part_of(passed_on, done, len(batch.ts_event)) if done else passed_on
            outputs += self._wait(passed_order, rest)
        return outputs

    def _wait(self, order: int, bars: FeatureBars) -> tuple[FeatureBars, ...]:
        """The bars, or nothing when they have to wait for other instruments'."""
        if not self._series[order].compares:
            return (bars,)
        self._waiting.append((order, bars))
        return ()

    def _compared(self, made: Iterable[tuple[int, FeatureBars]]) -> list[Message]:
        """The bars that waited and those of the interval's end, now that all its closes are known."""
        outputs: list[Message] = []
        for order, bars in (*self._waiting, *made):
            series = self._series[order]
            if series.compares:
                closes = {
                    other: self._places[other, series.spec.interval].closes
                    for other in series.features.others
                }
                outputs.append(series.compared(bars, closes))
            else:
                outputs.append(bars)
        self._waiting = []
        for series in self._series:
            del series.closes[:-1]
        return outputs

    def _finished(self, order: int, bars: list[AnyBar]) -> FeatureBars:
        self._state.bars += len(bars)
        return self._series[order].finished(bars, _source(bars[0]))

    def _flagged(self, series: BarSeries, bar: Bar) -> Bar:
        """PARTIAL when the session's data began or ended inside the bar, or a gap was reported in it."""
        state, start = self._state, bar.end - series.spec.interval
        assert state.began is not None
        if (
            start < state.began
            or (state.data_end is not None and bar.end > state.data_end)
            or any(
                gap.instrument in (None, series.spec.instrument)
                and gap.ts_from < bar.end
                and gap.ts_to > start
                # Known while the bar grew: one that was put out before cannot be flagged in any run.
                and gap.ts_init <= bar.end
                for gap in state.gaps
            )
        ):
            bar.flags |= RowFlag.PARTIAL
        return bar

    def _forget_gaps(self) -> None:
        longest = max((series.spec.interval for series in self._series), default=0)
        horizon = self._state.mark - longest
        self._state.gaps = [gap for gap in self._state.gaps if max(gap.ts_to, gap.ts_init) > horizon]

    def _accepts(self, batch: TradeBatch | QuoteBatch | BookBatch | BarBatch) -> bool:
        """Whether the batch has rows. ValueError for data of an interval that is over."""
        if not len(batch.ts_init):
            return False
        if int(batch.ts_init[0]) <= self._state.mark:
            raise ValueError(
                f"{batch.instrument}: data of {int(batch.ts_init[0])} after the mark {self._state.mark}"
            )
        return True

    def _track(self, key: str) -> PriceTrack:
        track = self._state.tracks.get(key)
        if track is None:
            track = self._state.tracks[key] = PriceTrack(self._decimals.get(key, 0))
        return track


def _source(bar: AnyBar) -> BarSource:
    """What a bar was made of: one of quotes counts no trades."""
    if not isinstance(bar, Bar):
        return "bars"
    return "trades" if bar.trades else "quotes"


def _read(saved: str) -> FeatureBars:
    bars = decode("feat", "bar", 1, b64decode(saved))
    assert isinstance(bars, FeatureBars)
    return bars
