"""Features over one series of bars or rows, and the messages that carry them."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_contracts.market import BarBatch, QuoteBatch, TradeBatch
from penstock_contracts.types import RowFlag
from penstock_kernel.declarations import BarSpec, FeatureSpec, RowSpec

from penstock_features.aggregate import BarAggregator
from penstock_features.bars import TradeBars
from penstock_features.registry import Indicator, Rows, adapter, build
from penstock_features.stretches import floats

_PRICE_SCALE_MAX = 18


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

    def __init__(self, specs: tuple[FeatureSpec, ...], *, on_bars: bool) -> None:
        self.names = tuple(spec.name for spec in specs)
        self._specs = specs
        self._adapters = [adapter(spec) for spec in specs]
        self._indicators: list[Indicator] = [build(spec, on_bars=on_bars) for spec in specs]

    def values(self, rows: Rows) -> NDArray[np.float64]:
        """Advance over the rows; one row each, one column per feature."""
        matrix = np.empty((len(rows.close), len(self._indicators)))
        for column, indicator in enumerate(self._indicators):
            matrix[:, column] = indicator.column(rows)
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
        self.features = FeatureSet(spec.features, on_bars=True)
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

    def finished(self, bars: Sequence[AnyBar], source: Literal["trades", "bars"]) -> FeatureBars:
        """The message of bars that are complete."""
        made = self.from_trades if source == "trades" else self.from_bars
        scale = made.price_scale
        prices = [np.array([getattr(bar, name) for bar in bars], dtype=np.int64) for name in _PRICES]
        return FeatureBars(
            instrument=self.spec.instrument,
            interval=self.spec.interval,
            source=source,
            set_version=self.set_version,
            names=self.features.names,
            price_scale=scale,
            size_scale=made.size_scale,
            ts=np.array([bar.end for bar in bars], dtype=np.int64),
            open=prices[0],
            high=prices[1],
            low=prices[2],
            close=prices[3],
            volume=np.array([bar.volume for bar in bars], dtype=np.int64),
            trades=np.array([bar.trades for bar in bars], dtype=np.int64),
            vwap=np.array([bar.vwap(scale) for bar in bars], dtype=np.float64),
            flags=np.array([bar.flags for bar in bars], dtype=np.int8),
            values=self.features.values(_rows(prices, scale)),
        )

    def passed_on(self, batch: BarBatch) -> FeatureBars:
        """A source's own bars, flagged LATE where they came when the next one was already over."""
        self.from_bars.part = batch.interval
        late = batch.ts_init - batch.ts_event >= batch.interval
        scale = batch.price_scale
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
            values=self.features.values(_rows((batch.open, batch.high, batch.low, batch.close), scale)),
        )


class RowSeries:
    """Feature rows of one instrument, on every trade or quote."""

    def __init__(self, spec: RowSpec, set_version: str) -> None:
        self.spec = spec
        self.set_version = set_version
        self.features = FeatureSet(spec.features, on_bars=False)

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
            values=self.features.values(
                Rows(prices, prices, prices, prices, exact=price.tolist(), unit=10**scale)
            ),
        )


def _rows(prices: Sequence[NDArray[np.int64]], scale: int) -> Rows:
    opened, high, low, close = (floats(column, scale) for column in prices)
    return Rows(opened, high, low, close, exact=prices[3].tolist(), unit=10**scale)
