"""The market as a run saw it, thinned out for charts: bars of each instrument, and a price per sample."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.base import Message
from penstock_contracts.features import FeatureBars, Prices

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CANDLES_MAX = 20_000
_WIDER = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 10_080)


@dataclass(frozen=True, slots=True)
class Candles:
    """Bars of one instrument, `ts` being their start."""

    interval: int
    """ns"""
    ts: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats


@dataclass(slots=True)
class _Parts:
    interval: int
    parts: list[tuple[NDArray[Any], ...]] = field(default_factory=list)


class Market:
    """Takes what features puts out, and keeps what charts need of it."""

    def __init__(self, sample_ns: int) -> None:
        self._sample = sample_ns
        self._bars: dict[str, _Parts] = {}
        self._prices: dict[str, _Parts] = {}

    def take(self, messages: list[Message]) -> None:
        """Keep the bars of the shortest interval of each instrument, and its price per sample."""
        for message in messages:
            if type(message) is FeatureBars:
                self._take_bars(message)
            elif type(message) is Prices:
                self._take_prices(message)

    @property
    def instruments(self) -> list[str]:
        """Those that had a price."""
        return sorted(self._prices)

    def candles(self, instrument: str, count_max: int = CANDLES_MAX) -> Candles | None:
        """Its bars, joined to at most so many; None without data."""
        found = self._bars.get(instrument) or self._prices.get(instrument)
        if found is None:
            return None
        ts, opened, high, low, close = (np.concatenate(column) for column in zip(*found.parts, strict=True))
        interval = found.interval
        span = int(ts[-1] - ts[0]) // interval + 1
        factor = next((each for each in _WIDER if span <= each * count_max), -(-span // count_max))
        return _joined(interval * factor, ts, (opened, high, low, close))

    def closes(self, instrument: str) -> tuple[Ints, Floats]:
        """End of each sample that had a price, and the last price in it."""
        parts = self._prices[instrument].parts
        joined = _joined(
            self._sample,
            np.concatenate([each[0] for each in parts]),
            tuple(np.concatenate([each[at] for each in parts]) for at in range(1, 5)),
        )
        return joined.ts + self._sample, joined.close

    def _take_bars(self, bars: FeatureBars) -> None:
        known = self._bars.get(bars.instrument)
        if known is None or bars.interval < known.interval:
            known = self._bars[bars.instrument] = _Parts(bars.interval)
        if bars.interval == known.interval:
            unit = 10.0**bars.price_scale
            columns = (bars.open, bars.high, bars.low, bars.close)
            known.parts.append((bars.ts - bars.interval, *(column / unit for column in columns)))

    def _take_prices(self, prices: Prices) -> None:
        for which, (instrument, scale) in enumerate(zip(prices.instruments, prices.scales, strict=True)):
            rows: Any = slice(None) if len(prices.instruments) == 1 else prices.index == which
            ts, last, bid, ask = prices.ts[rows], prices.last[rows], prices.bid[rows], prices.ask[rows]
            if len(ts):
                quoted = (bid > 0) & (ask > 0)
                price = np.where(quoted, (bid + ask) / 2, last) / 10.0**scale
                candles = _joined(self._sample, ts - 1, (price, price, price, price))
                parts = self._prices.setdefault(instrument, _Parts(self._sample)).parts
                parts.append((candles.ts, candles.open, candles.high, candles.low, candles.close))


def _joined(interval: int, ts: Ints, columns: tuple[Floats, ...]) -> Candles:
    """Rows joined to one for each interval that has any; `ts` lies in (or starts) its interval."""
    opened, high, low, close = columns
    starts = ts // interval * interval
    first = np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(np.diff(starts)) + 1))
    last = np.append(first[1:], len(ts)) - 1
    return Candles(
        interval,
        starts[first],
        opened[first],
        np.maximum.reduceat(high, first),
        np.minimum.reduceat(low, first),
        close[last],
    )


def buy_and_hold(market: Market, times: Ints) -> Floats | None:
    """Worth at each time of an equal share in each instrument, bought at its first price; 1 before it.

    Without costs. None where no instrument had a price.
    """
    curves = []
    for instrument in market.instruments:
        ts, close = market.closes(instrument)
        place = np.searchsorted(ts, times, side="right")
        held = np.append(close[:1], close)[place]
        curves.append(held / close[0])
    return sum(curves[1:], curves[0]) / len(curves) if curves else None
