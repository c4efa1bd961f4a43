"""Moving-average cross: long while the fast average is above the slow one, short while below."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.orders import SignalRefused
from pydantic import Field, model_validator

from penstock_strategy.intents import Intents
from penstock_strategy.strategy import Needs, Parameters, Strategy, feature
from penstock_strategy.stretch import Stretch
from penstock_strategy.views import Bar


class MaCrossParameters(Parameters):
    """Parameters of the moving-average cross."""

    fast: int = Field(default=30, ge=1, le=5_000, description="Period of the fast average, bars.")
    slow: int = Field(default=100, ge=2, le=10_000, description="Period of the slow average, bars.")
    kind: Literal["ema", "sma"] = Field(default="ema", description="Exponential or simple averages.")
    band_bps: float = Field(
        default=0.0, ge=0, le=1_000, description="The averages must be this far apart to count, basis points."
    )
    sides: Literal["both", "long", "short"] = Field(
        default="both", description="Reverse at each cross, or be on one side or flat."
    )
    fraction: Decimal | None = Field(
        default=None, gt=0, le=10, description="Fraction of its capital; none: sized by risk."
    )

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"parameter fast must be below slow ({self.slow}), not {self.fast}")
        return self


@dataclass(slots=True)
class MaCrossState:
    """Per instrument: +1 fast above slow, -1 below."""

    side: dict[str, int] = field(default_factory=dict)


class MaCross(Strategy[MaCrossParameters, MaCrossState]):
    """Trades the cross of two moving averages of the close."""

    def declare(self) -> Needs:
        """Bars with both averages, which are their own warm-up."""
        kind, fast, slow = self.parameters.kind, self.parameters.fast, self.parameters.slow
        return Needs(bars=self.bars(fast=feature(kind, period=fast), slow=feature(kind, period=slow)))

    def on_bar(self, bar: Bar) -> Intents:
        """Signal when the averages change sides; the first side that they are on is no cross."""
        fast, slow = bar["fast"], bar["slow"]
        margin = slow * self.parameters.band_bps / 10_000
        # While either average warms up both comparisons with NaN are false.
        if fast > slow + margin:
            side = 1
        elif fast < slow - margin:
            side = -1
        else:
            return None
        before = self.state.side.get(bar.instrument)
        if side == before:
            return None
        self.state.side[bar.instrument] = side
        return self._turn(bar.instrument, side) if before is not None else None

    def quiet_bars(self, bars: Stretch) -> int:
        """Those before the averages are on the other side, or on any where they were on none."""
        before = self.state.side.get(bars.instrument)
        first = bars.end
        for side, rows in bars.once("sides", self._sides).items():
            at = int(rows.searchsorted(bars.begin))
            if side != before and at < len(rows):
                first = min(first, rows.item(at))
        return first - bars.begin

    def _sides(self, bars: Stretch) -> dict[int, NDArray[np.intp]]:
        """The rows on each side, by the arithmetic of `on_bar`."""
        fast, slow = bars.column("fast"), bars.column("slow")
        margin = slow * self.parameters.band_bps / 10_000
        return {1: np.flatnonzero(fast > slow + margin), -1: np.flatnonzero(fast < slow - margin)}

    def on_refused(self, refusal: SignalRefused) -> Intents:
        """A refused turn must not leave the side that the averages have left: close it."""
        position, side = self.position(refusal.instrument), self.state.side.get(refusal.instrument, 0)
        if not position or not side or (position > 0) == (side > 0):
            return None
        self.state.side[refusal.instrument] = 0
        return self.flat(refusal.instrument)

    def _turn(self, instrument: str, side: int) -> Intents:
        sides, fraction = self.parameters.sides, self.parameters.fraction
        if side > 0 and sides != "short":
            return self.long(instrument, fraction=fraction)
        if side < 0 and sides != "long":
            return self.short(instrument, fraction=fraction)
        return self.flat(instrument)
