"""Random walks with regimes, in steps of 100 ms and blocks of 10 s.

Only uniform draws of PCG64 and + - * / on doubles in a fixed order: the same seed gives the same bits on
every machine, which transcendental functions and NumPy's sums would not.
"""

from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.random import PCG64, Generator

from penstock_ingest.scale import Floats

STEP_NS = 100_000_000
STEPS_PER_BLOCK = 100
BLOCK_NS = STEP_NS * STEPS_PER_BLOCK
_REGIME_STEPS_MIN, _REGIME_STEPS_MAX = 100, 300
_SWING_STEPS_MIN, _SWING_STEPS_MAX = 30, 70
_TREND_DRIFT = 0.2
_SWING_DRIFT = 0.35
_VOLATILE_FACTOR = 3.0

Regime = Literal["up", "down", "range", "volatile"]
_REGIMES: tuple[Regime, ...] = ("range", "up", "range", "down", "range", "volatile")


def generator(seed: int, *parts: str) -> Generator:
    """An independent stream of random numbers for each combination of parts."""
    digest = blake2b("\x1f".join((str(seed), *parts)).encode(), digest_size=16).digest()
    return Generator(PCG64(int.from_bytes(digest, "big")))


def normals(rng: Generator, count: int) -> Floats:
    """Very nearly standard normal: the sum of twelve uniforms, less six."""
    uniforms = rng.random((12, count))
    total = uniforms[0]
    for row in uniforms[1:]:
        total = total + row
    standard: Floats = total - 6.0
    return standard


class Walk:
    """Increments per step in units of its standard deviation, by the drift and volatility of its regime."""

    def __init__(self, rng: Generator, regimes: bool) -> None:
        self._rng = rng
        self._regimes = regimes
        self._regime: Regime = "range"
        self._regime_left = _REGIME_STEPS_MAX  # begins with a range
        self._swing = 1.0
        self._swing_left = 0

    def block(self) -> Floats:
        """The increments of the next block."""
        noise = normals(self._rng, STEPS_PER_BLOCK)
        if not self._regimes:
            return noise
        drift, factor = np.empty(STEPS_PER_BLOCK), np.empty(STEPS_PER_BLOCK)
        for step in range(STEPS_PER_BLOCK):
            drift[step], factor[step] = self._step()
        return drift + factor * noise

    def _step(self) -> tuple[float, float]:
        if self._regime_left == 0:
            self._regime = _REGIMES[int(self._rng.random() * len(_REGIMES))]
            self._regime_left = self._between(_REGIME_STEPS_MIN, _REGIME_STEPS_MAX)
        self._regime_left -= 1
        if self._regime == "up":
            return _TREND_DRIFT, 1.0
        if self._regime == "down":
            return -_TREND_DRIFT, 1.0
        if self._swing_left == 0:
            self._swing = -self._swing
            self._swing_left = self._between(_SWING_STEPS_MIN, _SWING_STEPS_MAX)
        self._swing_left -= 1
        if self._regime == "range":
            return self._swing * _SWING_DRIFT, 1.0
        return 0.0, _VOLATILE_FACTOR

    def _between(self, low: int, high: int) -> int:
        return low + int(self._rng.random() * (high - low + 1))
