"""Bars from trades, in exact integers, incremental across batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np
from penstock_contracts.market import QuoteBatch, TradeBatch
from penstock_contracts.types import NEVER, RowFlag
from penstock_kernel.grid import grid_at_or_after

from penstock_features.stretches import last_rows, product_sums, rescaled, stretches, sums

_FEW = 16
"""Up to so many rows a loop is faster than NumPy's calls."""


@dataclass(slots=True)
class Bar:
    """One bar, complete or growing. Prices and sizes are scaled integers."""

    end: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    """Sum of price times size, in units of both scales."""
    trades: int
    flags: int

    def add(self, later: "Bar") -> None:
        """Take in rows of the same interval that came later."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.turnover += later.turnover
        self.trades += later.trades
        self.flags |= later.flags

    def vwap(self, price_scale: int) -> float:
        """Volume-weighted price, correctly rounded; NaN without volume."""
        return self.turnover / (self.volume * 10**price_scale) if self.volume else nan


@dataclass(slots=True)
class TradeBars:
    """Bars of one interval from one instrument's trades.

    A bar covers (end - interval, end]. Trades are bucketed by `ts_init`; one that the venue stamped at or
    before the bar's start is late: it counts in the bar in which it arrived and flags it.
    """

    interval: int
    price_scale: int = 0
    size_scale: int = 0
    bars: list[Bar] = field(default_factory=list)
    """Begun and not yet put out, by end; all but the last are complete."""

    def add(self, batch: TradeBatch) -> None:
        """Take in a batch of at least one row."""
        price, size = self._common_scale(batch)
        fresh = self._few(batch, price, size) if len(price) <= _FEW else self._many(batch, price, size)
        bars = self.bars
        if bars and bars[-1].end == fresh[0].end:
            bars[-1].add(fresh[0])
            bars.extend(fresh[1:])
        else:
            bars.extend(fresh)

    def add_quotes(self, batch: QuoteBatch) -> None:
        """Take in quotes as rows at their middle, of no size; their bars count no trades."""
        rows = len(batch.ts_init)
        middles = TradeBatch(
            instrument=batch.instrument,
            source=batch.source,
            price_scale=batch.price_scale + 1,  # half a unit is five of the next decimal
            size_scale=0,
            ts_event=batch.ts_event,
            ts_init=batch.ts_init,
            price=(batch.bid + batch.ask) * 5,
            size=np.zeros(rows, dtype=np.int64),
            side=np.zeros(rows, dtype=np.int8),
            flags=batch.flags,
            trade_id=np.zeros(rows, dtype="S1"),
        )
        self.add(middles)
        for bar in self.bars:
            bar.trades = 0

    def take(self, mark: int) -> list[Bar]:
        """Remove and return the bars that are complete at `mark`."""
        bars = self.bars
        if not bars or bars[0].end > mark:
            return []
        if bars[-1].end <= mark:
            self.bars = []
            return bars
        complete = [bar for bar in bars if bar.end <= mark]
        del bars[: len(complete)]
        return complete

    def next_due(self) -> int:
        """End of the earliest begun bar."""
        return self.bars[0].end if self.bars else NEVER

    def _common_scale(self, batch: TradeBatch) -> tuple[np.ndarray, np.ndarray]:
        """The batch's prices and sizes with the decimals of the bars, which grow when a batch has more."""
        price_scale = max(self.price_scale, batch.price_scale)
        size_scale = max(self.size_scale, batch.size_scale)
        if (price_scale, size_scale) != (self.price_scale, self.size_scale):
            price_factor = 10 ** (price_scale - self.price_scale)
            size_factor = 10 ** (size_scale - self.size_scale)
            for bar in self.bars:
                bar.open, bar.high = bar.open * price_factor, bar.high * price_factor
                bar.low, bar.close = bar.low * price_factor, bar.close * price_factor
                bar.volume *= size_factor
                bar.turnover *= price_factor * size_factor
            self.price_scale, self.size_scale = price_scale, size_scale
        return (
            rescaled(batch.price, batch.price_scale, price_scale),
            rescaled(batch.size, batch.size_scale, size_scale),
        )

    def _few(self, batch: TradeBatch, prices: np.ndarray, sizes: np.ndarray) -> list[Bar]:
        bars: list[Bar] = []
        columns = (batch.ts_init, batch.ts_event, prices, sizes, batch.flags)
        for ts, ts_event, price, size, flags in zip(*(each.tolist() for each in columns), strict=True):
            end = grid_at_or_after(ts, self.interval)
            late = RowFlag.LATE if ts_event <= end - self.interval else 0
            bar = Bar(end, price, price, price, price, size, price * size, 1, flags | late)
            if bars and bars[-1].end == end:
                bars[-1].add(bar)
            else:
                bars.append(bar)
        return bars

    def _many(self, batch: TradeBatch, price: np.ndarray, size: np.ndarray) -> list[Bar]:
        starts, ends = stretches(batch.ts_init, self.interval)
        last = last_rows(starts, len(price))
        late = np.minimum.reduceat(batch.ts_event, starts) <= ends - self.interval
        flags = np.bitwise_or.reduceat(batch.flags, starts) | (late * np.int8(RowFlag.LATE))
        columns: tuple[Sequence[int], ...] = (
            ends.tolist(),
            price[starts].tolist(),
            np.maximum.reduceat(price, starts).tolist(),
            np.minimum.reduceat(price, starts).tolist(),
            price[last].tolist(),
            sums(size, starts),
            product_sums(price, size, starts),
            (last - starts + 1).tolist(),
            flags.tolist(),
        )
        return [Bar(*row) for row in zip(*columns, strict=True)]
