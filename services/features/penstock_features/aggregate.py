"""Bars of a larger interval from the bars that a source delivers."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan

from penstock_contracts.market import BarBatch
from penstock_contracts.types import NEVER, RowFlag
from penstock_kernel.grid import grid_at_or_after


@dataclass(slots=True)
class Combined:
    """A bar made of bars. Volume is in the instrument's volume unit; trades are -1 where unknown."""

    end: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int
    flags: int
    parts: int
    base: float
    """Base units traded, for the volume-weighted price; NaN where a part's is unknown."""
    quote: float

    def vwap(self, _price_scale: int) -> float:
        """Volume-weighted price; NaN where unknown."""
        return self.quote / self.base if self.base > 0 else nan


@dataclass(slots=True)
class BarAggregator:
    """Bars of `interval` from those of `part`, bucketed by their end.

    A bar is complete with the part that ends where it ends; when that one is missing, with the first
    later part, or one part's time after its end. It is PARTIAL when any part was missing.
    """

    interval: int
    volume_in_quote: bool = False
    part: int = 0
    """Interval of the parts; 0 until the first came."""
    price_scale: int = 0
    size_scale: int = 0
    closed: int = 0
    """End of the last bar put out: a part of it that comes later counts in the next one, as late."""
    current: Combined | None = None

    def add(self, batch: BarBatch) -> Iterator[tuple[int, Combined]]:
        """Take in a batch; yields each completed bar with the number of the batch's rows before it."""
        self.part = batch.interval
        price_factor, size_factor = self._common_scale(batch)
        columns = (
            batch.ts_event, batch.open, batch.high, batch.low, batch.close,
            batch.volume, batch.trades, batch.vwap, batch.flags,
        )  # fmt: skip
        for row, (ts, opened, high, low, close, volume, trades, vwap, given) in enumerate(
            zip(*(each.tolist() for each in columns), strict=True)
        ):
            end, flags = grid_at_or_after(ts, self.interval), given
            open_end = max(self.closed + self.interval if self.closed else 0, self._current_end())
            if end < open_end:
                end, flags = open_end, given | RowFlag.LATE
            if self.current is not None and self.current.end < end:
                yield row, self._complete()
            base, quote = self._amounts(volume * size_factor, vwap)
            part = Combined(
                end, opened * price_factor, high * price_factor, low * price_factor, close * price_factor,
                volume * size_factor, trades, flags, 1, base, quote,
            )  # fmt: skip
            self._add(part)
            if ts == end:
                yield row + 1, self._complete()

    def overdue(self, mark: int) -> Combined | None:
        """The bar whose last parts did not come in time, if there is one at `mark`."""
        return self._complete() if self.next_due() <= mark else None

    def next_due(self) -> int:
        """When the current bar is put out although parts are missing."""
        return self.current.end + self.part if self.current is not None else NEVER

    def _current_end(self) -> int:
        return self.current.end if self.current is not None else 0

    def _add(self, part: Combined) -> None:
        bar = self.current
        if bar is None:
            self.current = part
            return
        bar.high = max(bar.high, part.high)
        bar.low = min(bar.low, part.low)
        bar.close = part.close
        bar.volume += part.volume
        bar.trades = bar.trades + part.trades if bar.trades >= 0 and part.trades >= 0 else -1
        # Empty only when all parts are; late or partial when any is.
        bar.flags = (bar.flags | part.flags) & ~RowFlag.EMPTY | (bar.flags & part.flags & RowFlag.EMPTY)
        bar.parts += 1
        bar.base += part.base
        bar.quote += part.quote

    def _complete(self) -> Combined:
        bar, self.current = self.current, None
        assert bar is not None
        self.closed = bar.end
        if bar.parts * self.part != self.interval:
            bar.flags |= RowFlag.PARTIAL
        return bar

    def _amounts(self, volume: int, vwap: float) -> tuple[float, float]:
        amount = volume / 10**self.size_scale
        if volume == 0:
            return 0.0, 0.0
        return (amount / vwap, amount) if self.volume_in_quote else (amount, amount * vwap)

    def _common_scale(self, batch: BarBatch) -> tuple[int, int]:
        price_scale = max(self.price_scale, batch.price_scale)
        size_scale = max(self.size_scale, batch.size_scale)
        bar = self.current
        if bar is not None:
            factor = 10 ** (price_scale - self.price_scale)
            bar.open, bar.high = bar.open * factor, bar.high * factor
            bar.low, bar.close = bar.low * factor, bar.close * factor
            bar.volume *= 10 ** (size_scale - self.size_scale)
        self.price_scale, self.size_scale = price_scale, size_scale
        return 10 ** (price_scale - batch.price_scale), 10 ** (size_scale - batch.size_scale)
