"""The bars of charts: what a chart has already is not read again for everybody who looks at it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from penstock_runtime.store.pool import Pool
from penstock_runtime.store.queries.history import BarRow, Bars, History, Kind, Window

KEPT_S = 10.0
"""A chart's older bars are read again after so long: a bar that comes late shows up then."""
CHARTS_MAX = 64
_NO_END = 1 << 62
_NEWEST = 3
"""Bars at a chart's end that are read each time: the one that grows, and its neighbours."""


@dataclass(slots=True)
class Charts:
    """Charts that were asked for last, by session, instrument, interval and length."""

    pool: Pool
    clock: Callable[[], float] = time.monotonic
    _charts: "OrderedDict[tuple[str, str, int, int], _Chart]" = field(default_factory=OrderedDict)

    async def bars(self, session: str, instrument: str, interval: int, window: Window) -> Bars:
        """Bars as `History.bars` gives them; of a chart that ends now only what is new is read each time."""
        history = History(self.pool, session)
        if window.since is not None or window.until is not None:
            return await history.bars(instrument, interval, window)
        key = session, instrument, interval, window.limit
        chart = self._charts.setdefault(key, _Chart())
        self._charts.move_to_end(key)
        if len(self._charts) > CHARTS_MAX:
            self._charts.popitem(last=False)
        async with chart.reading:
            now = self.clock()
            if chart.bars is not None and now - chart.read_at < KEPT_S:
                brought = await _brought_up(history, instrument, chart.bars, window)
                if brought is not None:
                    return brought
            chart.bars, chart.read_at = await history.bars(instrument, interval, window), now
            return chart.bars


@dataclass(slots=True)
class _Chart:
    bars: Bars | None = None
    read_at: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Of those who ask at once one reads."""


async def _brought_up(history: History, instrument: str, known: Bars, window: Window) -> Bars | None:
    """Known bars with the newest read again; None where they do not fit together any more."""
    if len(known.items) <= _NEWEST:
        return None
    # What they are made of is looked up with the older ones, as is how far they go.
    base = None if known.made_from is None else Kind(known.made_from, known.source)
    newer = Window(known.items[-_NEWEST - 1].ts, _NO_END, window.limit)
    new = await history.bars(instrument, known.interval, newer, base=base)
    if len(new.items) < _NEWEST:
        return None
    items: list[BarRow] = [*known.items[:-_NEWEST], *new.items]
    last = items[-1]
    # As far back as the query looks: the interval that has begun counts from its beginning.
    oldest = last.ts - (window.limit + (not last.complete)) * known.interval
    return replace(new, items=[each for each in items if each.ts > oldest][-window.limit :])
