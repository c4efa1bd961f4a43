"""Features over one series of bars or rows, and the messages that carry them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.market import BarBatch, QuoteBatch, TradeBatch
from penstock_contracts.types import RowFlag
from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec

from penstock_features.aggregate import BarAggregator
from penstock_features.bars import TradeBars
from penstock_features.inputs import bar_inputs, quote_inputs, trade_inputs
from penstock_features.registry import Indicator, Rows, Trigger, adapter, build, inputs_of
from penstock_features.stretches import Ints, floats

_PRICE_SCALE_MAX = 18


BarSource = Literal["trades", "quotes", "bars"]
_PRICES = ("open", "high", "low", "close")


class AnyBar(Protocol):
    """What a finished bar has, whatever it was made of."""

    end: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    flags: int

    def vwap(self, price_scale: int, /) -> float: ...


class FeatureSet:
    """The indicators of one series, in the order of their declaration."""

    def __init__(self, specs: tuple[FeatureSpec, ...], on: Trigger) -> None:
        self.names = tuple(spec.name for spec in specs)
        self._specs = specs
        self._adapters = [adapter(spec) for spec in specs]
        self._indicators: list[Indicator] = [build(spec, on) for spec in specs]
        self.inputs = inputs_of(specs)
        self.others = tuple(sorted({spec.other for spec in specs if spec.other is not None}))
        """The instruments that this series is compared with."""

    def values(self, rows: Rows, others: Mapping[str, list[float]] | None = None) -> NDArray[np.float64]:
        """Advance over the rows; one row each, one column per feature. `others`: closes as of each row."""
        matrix = np.empty((len(rows.close), len(self._indicators)))
        for column, (spec, indicator) in enumerate(zip(self._specs, self._indicators, strict=True)):
            seen = rows if spec.other is None or others is None else rows._replace(other=others[spec.other])
            matrix[:, column] = indicator.column(seen)
        return matrix

    def state(self) -> list[str]:
        """The indicators' states as JSON."""
        return [
            each.dump_json(indicator).decode()
            for each, indicator in zip(self._adapters, self._indicators, strict=True)
        ]

    def resume(self, states: list[str]) -> None:
        """Take over a `state`."""
        if len(states) != len(self._adapters):
            raise ValueError(f"a snapshot of {len(states)} features, not {len(self._adapters)}")
        self._indicators = [
            each.validate_json(state) for each, state in zip(self._adapters, states, strict=True)
        ]


class BarSeries:
    """Bars of one instrument and interval with features on them."""

    def __init__(self, spec: BarSpec, set_version: str, *, volume_in_quote: bool) -> None:
        self.spec = spec
        self.set_version = set_version
        self.features = FeatureSet(spec.features, "bar")
        self._volume_in_quote = volume_in_quote
        self.followed = False
        """Whether another series is compared with this one."""
        self.closes: list[tuple[int, float]] = []
        """(end, close) of the last bar before the interval, and of those put out in it; when followed."""
        self.from_trades = TradeBars(spec.interval)
        self.from_bars = BarAggregator(spec.interval, volume_in_quote)

    def next_due(self) -> int:
        """When a bar is put out of its own accord."""
        return min(self.from_trades.next_due(), self.from_bars.next_due())

    def usable(self, batch: BarBatch) -> bool:
        """Whether the series is fed by bars of this interval: the first that fits feeds it for good."""
        return self.from_bars.part == batch.interval or (
            self.from_bars.part == 0 and self.spec.interval % batch.interval == 0
        )

    def finished(self, bars: Sequence[AnyBar], source: BarSource) -> FeatureBars:
        """The message of bars that are complete."""
        made = self.from_bars if source == "bars" else self.from_trades
        scale = made.price_scale
        prices = [np.array([getattr(bar, name) for bar in bars], dtype=np.int64) for name in _PRICES]
        volume = np.array([bar.volume for bar in bars], dtype=np.int64)
        vwap = np.array([bar.vwap(scale) for bar in bars], dtype=np.float64)
        ends = [bar.end for bar in bars]
        return FeatureBars(
            instrument=self.spec.instrument,
            interval=self.spec.interval,
            source=source,
            set_version=self.set_version,
            names=self.features.names,
            price_scale=scale,
            size_scale=made.size_scale,
            ts=np.array(ends, dtype=np.int64),
            open=prices[0],
            high=prices[1],
            low=prices[2],
            close=prices[3],
            volume=volume,
            trades=np.array([bar.trades for bar in bars], dtype=np.int64),
            vwap=vwap,
            flags=np.array([bar.flags for bar in bars], dtype=np.int8),
            values=self._values(ends, self._rows(prices, scale, volume, made.size_scale, vwap)),
        )

    def passed_on(self, batch: BarBatch) -> FeatureBars:
        """A source's own bars, flagged LATE where they came when the next one was already over."""
        self.from_bars.part = batch.interval
        late = batch.ts_init - batch.ts_event >= batch.interval
        scale = batch.price_scale
        rows = self._rows(
            (batch.open, batch.high, batch.low, batch.close),
            scale,
            batch.volume,
            batch.size_scale,
            batch.vwap,
        )
        return FeatureBars(
            instrument=batch.instrument,
            interval=batch.interval,
            source="bars",
            set_version=self.set_version,
            names=self.features.names,
            price_scale=scale,
            size_scale=batch.size_scale,
            ts=batch.ts_event,
            open=batch.open,
            high=batch.high,
            low=batch.low,
            close=batch.close,
            volume=batch.volume,
            trades=batch.trades,
            vwap=batch.vwap,
            flags=batch.flags | (late * np.int8(RowFlag.LATE)),
            values=self._values(batch.ts_event.tolist() if self.followed else (), rows),
        )

    @property
    def compares(self) -> bool:
        """Whether it is compared with other instruments: its bars wait for theirs until the interval ends."""
        return bool(self.features.others)

    def compared(self, bars: FeatureBars, closes: Mapping[str, list[tuple[int, float]]]) -> FeatureBars:
        """Bars that waited, with their features; `closes` of the others, in the order of their ends."""
        prices = (bars.open, bars.high, bars.low, bars.close)
        rows = self._rows(prices, bars.price_scale, bars.volume, bars.size_scale, bars.vwap)
        ends = bars.ts.tolist()
        others = {key: [_as_of(closes[key], end) for end in ends] for key in self.features.others}
        return replace(bars, values=self.features.values(rows, others))

    def _values(self, ends: Sequence[int], rows: Rows) -> NDArray[np.float64]:
        if self.followed:
            self.closes += zip(ends, rows.close, strict=True)
        if self.compares:
            return np.full((len(rows.close), len(self.features.names)), nan)
        return self.features.values(rows)

    def _rows(
        self, prices: Sequence[Ints], scale: int, volume: Ints, size_scale: int, vwap: NDArray[np.float64]
    ) -> Rows:
        opened, high, low, close = (floats(column, scale) for column in prices)
        rows = Rows(opened, high, low, close, exact=prices[3].tolist(), unit=10**scale)
        if not self.features.inputs:
            return rows
        return bar_inputs(
            rows, floats(volume, size_scale), vwap.tolist(), volume_in_quote=self._volume_in_quote
        )


class RowSeries:
    """Feature rows of one instrument, on every trade or quote."""

    def __init__(self, spec: RowSpec, set_version: str) -> None:
        self.spec = spec
        self.set_version = set_version
        self.features = FeatureSet(spec.features, spec.trigger)

    def rows(self, batch: TradeBatch | QuoteBatch) -> FeatureRows:
        """One row per row of the batch. A quote's price is its middle, its size the sum of both sides'."""
        if isinstance(batch, TradeBatch):
            price, scale, size, side = batch.price, batch.price_scale, batch.size, batch.side
        else:
            # Half a unit is five of the next decimal.
            price, scale = (batch.bid + batch.ask) * 5, batch.price_scale + 1
            if scale > _PRICE_SCALE_MAX:
                raise ValueError(f"{batch.instrument}: the middle of quotes of {batch.price_scale} decimals")
            size, side = batch.bid_size + batch.ask_size, np.zeros(len(price), dtype=np.int8)
        prices = floats(price, scale)
        rows = Rows(prices, prices, prices, prices, exact=price.tolist(), unit=10**scale)
        if self.features.inputs:
            rows = trade_inputs(rows, batch) if isinstance(batch, TradeBatch) else quote_inputs(rows, batch)
        return FeatureRows(
            instrument=batch.instrument,
            trigger=self.spec.trigger,
            set_version=self.set_version,
            names=self.features.names,
            price_scale=scale,
            size_scale=batch.size_scale,
            ts=batch.ts_init,
            price=price,
            size=size,
            side=side,
            values=self.features.values(rows),
        )


def _as_of(closes: list[tuple[int, float]], end: int) -> float:
    """The close of the last bar that ended by `end`; NaN before the first."""
    place = bisect_right(closes, end, key=lambda bar: bar[0])
    return closes[place - 1][1] if place else nan
