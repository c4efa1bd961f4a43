"""Trades of one invented symbol. All symbols of a seed share one walk, and each adds its own."""

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from penstock_ingest.config import SyntheticConfig
from penstock_ingest.scale import Floats
from penstock_ingest.synthetic.walk import BLOCK_NS, STEP_NS, STEPS_PER_BLOCK, Walk, generator
from penstock_ingest.table import RawTrades

_STEPS_PER_SECOND = 10
_STEPS_PER_MINUTE = 600
_STEPS_PER_YEAR = 365.25 * 86_400 * _STEPS_PER_SECOND
_BURST_FACTOR = 5.0
_BURST_STEPS_MIN, _BURST_STEPS_MAX = 10, 30
SPREAD_HALF = 0.00005
_NOTIONAL_TYPICAL = 1000.0


def price_decimals(start: float) -> int:
    """Decimals of a symbol's prices: two, or as many as make the tick a ten-thousandth of the price."""
    return next((each for each in range(2, 12) if 10.0**-each <= start * 1e-4), 12)


def size_decimals(start: float) -> int:
    """Decimals of its sizes: a lot is worth at most one unit of the quote currency."""
    return next((each for each in range(12) if start <= 10**each), 12)


def typical_size(price: float) -> float:
    """The size that trades and quotes are multiples of."""
    return _NOTIONAL_TYPICAL / price


def rounded(values: Floats, decimals: int) -> Floats:
    """The doubles nearest to the values of so many decimals, at least one unit of the last."""
    unit = float(10**decimals)
    nearest: Floats = np.maximum(np.rint(values * unit), 1.0) / unit
    return nearest


class SymbolMarket:
    """The trades of one symbol, block by block; a function of configuration, seed and symbol alone."""

    def __init__(self, config: SyntheticConfig, symbol: str) -> None:
        start = float(config.symbols[symbol])
        self.price_decimals = price_decimals(start)
        self.size_decimals = size_decimals(start)
        self._config = config
        self._common = Walk(generator(config.seed, "common"), config.regimes)
        self._own = Walk(generator(config.seed, "own", symbol), config.regimes)
        self._rng: Generator = generator(config.seed, "trades", symbol)
        self._deviation = config.volatility * math.sqrt(1 / _STEPS_PER_YEAR)
        self._slots = max(4, math.ceil(2 * _BURST_FACTOR * config.rate / _STEPS_PER_SECOND))
        self._start = start
        self._price = start
        self._block = 0
        self._trades = 0
        self._burst_left = 0
        self.path: Floats = np.empty(0)
        """The price at each step of the last block."""

    def next_block(self) -> RawTrades:
        """The next 10 s of trades, in time order; there may be none."""
        path, moves = self._path()
        self.path = path
        chosen = self._arrivals()
        steps = np.nonzero(chosen)[0]
        count = len(steps)
        within = (self._rng.random(count) * STEP_NS).astype(np.int64)
        first = self._config.start + self._block * BLOCK_NS
        # A trade on the very start of the market would lie outside the session's first interval.
        ts = np.sort(first + steps * STEP_NS + within + 1)
        side = self._sides(moves[steps])
        price = rounded(path[steps] * (1.0 + SPREAD_HALF * side), self.price_decimals)
        tail = 0.1 / (1.0 - 0.99 * self._rng.random(count))
        size = rounded(tail * typical_size(self._start), self.size_decimals)
        ids = np.arange(self._trades + 1, self._trades + count + 1)
        self._trades += count
        self._block += 1
        return RawTrades(ts, price, size, side, ids.astype("S20"), np.zeros(count, dtype=np.int8))

    def _path(self) -> tuple[Floats, Floats]:
        shared, own = self._common.block(), self._own.block()
        rho = self._config.correlation
        moves = self._deviation * (math.sqrt(rho) * shared + math.sqrt(1.0 - rho) * own)
        jumps = self._rng.random(STEPS_PER_BLOCK) < self._config.jumps / _STEPS_PER_MINUTE
        heights = 0.001 + 0.004 * self._rng.random(STEPS_PER_BLOCK)
        signs = np.where(self._rng.random(STEPS_PER_BLOCK) < 0.5, -1.0, 1.0)
        moves = moves + np.where(jumps, heights * signs, 0.0)
        path = self._price * np.multiply.accumulate(1.0 + moves)
        self._price = float(path[-1])
        return path, moves

    def _arrivals(self) -> NDArray[np.bool_]:
        """Which of the slots of each step hold a trade."""
        starts = self._rng.random(STEPS_PER_BLOCK) < self._config.bursts / _STEPS_PER_MINUTE
        lengths = self._rng.random(STEPS_PER_BLOCK)
        chance = np.full(STEPS_PER_BLOCK, self._config.rate / _STEPS_PER_SECOND / self._slots)
        for step in range(STEPS_PER_BLOCK):
            if starts[step]:
                self._burst_left = _BURST_STEPS_MIN + int(
                    lengths[step] * (_BURST_STEPS_MAX - _BURST_STEPS_MIN)
                )
            if self._burst_left:
                self._burst_left -= 1
                chance[step] *= _BURST_FACTOR
        return self._rng.random((STEPS_PER_BLOCK, self._slots)) < chance[:, None]

    def _sides(self, moves: Floats) -> NDArray[np.int8]:
        lean = 0.5 + np.where(moves > 0, 0.15, -0.15)
        return np.where(self._rng.random(len(moves)) < lean, 1, -1).astype(np.int8)
