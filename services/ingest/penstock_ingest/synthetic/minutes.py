"""One-minute bars of invented symbols whose returns correlate: the walks of the trades, in coarser steps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from penstock_ingest.scale import Floats, Ints
from penstock_ingest.synthetic.market import price_decimals, rounded, size_decimals
from penstock_ingest.synthetic.walk import STEPS_PER_BLOCK, Walk, generator, normals

MINUTE_NS = 60 * 10**9
STEPS_PER_MINUTE = 8
_STEPS_PER_YEAR = 365.25 * 1440 * STEPS_PER_MINUTE
_NOTIONAL_TYPICAL = 50_000.0
_JUMPS_PER_DAY = 4


@dataclass(frozen=True, slots=True)
class Minutes:
    """Bars of one symbol, `open_time` in ns."""

    open_time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def minutes(
    symbols: Mapping[str, float], *, seed: int, start: int, count: int, volatility: float, correlation: float
) -> dict[str, Minutes]:
    """`count` bars of each symbol from its price on; a function of the arguments alone.

    Regimes last a quarter to half an hour, jumps of 0.5 to 2 % come about four times a day and symbol.
    """
    steps = count * STEPS_PER_MINUTE
    shared = _increments(Walk(generator(seed, "minutes", "common"), regimes=True), steps)
    return {
        symbol: _bars(symbol, price, seed, start, shared, volatility, correlation)
        for symbol, price in symbols.items()
    }


def _increments(walk: Walk, steps: int) -> Floats:
    blocks = -(-steps // STEPS_PER_BLOCK)
    return np.concatenate([walk.block() for _ in range(blocks)])[:steps]


def _bars(
    symbol: str, price: float, seed: int, start: int, shared: Floats, volatility: float, correlation: float
) -> Minutes:
    steps = len(shared)
    own = _increments(Walk(generator(seed, "minutes", "own", symbol), regimes=True), steps)
    rng = generator(seed, "minutes", "rest", symbol)
    deviation = volatility * math.sqrt(1 / _STEPS_PER_YEAR)
    moves = deviation * (math.sqrt(correlation) * shared + math.sqrt(1.0 - correlation) * own)
    jumps = rng.random(steps) < _JUMPS_PER_DAY / (1440 * STEPS_PER_MINUTE)
    heights = 0.005 + 0.015 * rng.random(steps)
    moves = moves + np.where(jumps, np.where(rng.random(steps) < 0.5, -heights, heights), 0.0)
    path = rounded(price * np.multiply.accumulate(1.0 + moves), price_decimals(price))
    ends = path.reshape(-1, STEPS_PER_MINUTE)
    opened = np.concatenate(([rounded(np.array([price]), price_decimals(price))[0]], ends[:-1, -1]))
    spread = 1.0 + 0.5 * normals(rng, len(ends))
    volume = np.maximum(spread, 0.1) * (_NOTIONAL_TYPICAL / price)
    return Minutes(
        open_time=start + MINUTE_NS * np.arange(len(ends), dtype=np.int64),
        open=opened,
        high=np.maximum(opened, ends.max(axis=1)),
        low=np.minimum(opened, ends.min(axis=1)),
        close=ends[:, -1],
        volume=rounded(volume, size_decimals(price)),
    )
