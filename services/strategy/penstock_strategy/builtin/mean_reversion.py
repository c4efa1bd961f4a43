"""Mean reversion: against a move of so many standard deviations, until the price is back at its mean."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Self

from penstock_contracts.orders import SignalRefused
from pydantic import Field, model_validator

from penstock_strategy.intents import Intents
from penstock_strategy.strategy import Needs, Parameters, Strategy, feature
from penstock_strategy.views import Bar


class MeanReversionParameters(Parameters):
    """Parameters of mean reversion; z is (close - mean) / standard deviation over `period` bars."""

    period: int = Field(default=60, ge=2, le=10_000, description="Bars of the mean and the deviation.")
    entry: float = Field(default=2.5, gt=0, le=20, description="Enter against the move beyond this z.")
    exit: float = Field(default=0.0, ge=0, le=20, description="Be flat again when z is within this.")
    stop: float = Field(default=6.0, gt=0, le=100, description="Give up beyond this z.")
    sides: Literal["both", "long", "short"] = Field(default="both", description="Sides that it may take.")
    fraction: Decimal | None = Field(
        default=None, gt=0, le=10, description="Fraction of its capital; none: sized by risk."
    )

    @model_validator(mode="after")
    def _thresholds_are_in_order(self) -> Self:
        if not self.exit < self.entry < self.stop:
            raise ValueError(
                f"parameters must have exit < entry < stop, not {self.exit}, {self.entry} and {self.stop}"
            )
        if self.entry * self.entry >= self.period - 1:
            # No value of n is further than sqrt(n - 1) deviations from the mean of all n.
            raise ValueError(
                f"parameter entry {self.entry} is never reached with period {self.period}: it must be below "
                f"the square root of {self.period - 1}"
            )
        return self


@dataclass(slots=True)
class MeanReversionState:
    """Per instrument: the side it is on, +1, -1 or 0; and whether z must come back before it enters again."""

    side: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, bool] = field(default_factory=dict)


class MeanReversion(Strategy[MeanReversionParameters, MeanReversionState]):
    """Sells what is far above its mean and buys what is far below."""

    def declare(self) -> Needs:
        """Bars with mean and deviation, which are their own warm-up."""
        period = self.parameters.period
        return Needs(
            bars=self.bars(mean=feature("sma", period=period), deviation=feature("deviation", period=period))
        )

    def on_bar(self, bar: Bar) -> Intents:
        """Enter beyond `entry`, leave within `exit` or beyond `stop`."""
        deviation = bar["deviation"]
        if not deviation > 0:  # NaN while it warms up; 0 when the price stood still
            return None
        z = (bar.close - bar["mean"]) / deviation
        side = self.state.side.get(bar.instrument, 0)
        return self._leave(bar.instrument, side, z) if side else self._enter(bar.instrument, z)

    def on_refused(self, refusal: SignalRefused) -> Intents:
        """Nothing came of it: go on from the position that there is, once z has come back."""
        position = self.position(refusal.instrument)
        self.state.side[refusal.instrument] = (position > 0) - (position < 0)
        if not position:
            self.state.stopped[refusal.instrument] = True
        return None

    def _enter(self, instrument: str, z: float) -> Intents:
        entry, sides, fraction = self.parameters.entry, self.parameters.sides, self.parameters.fraction
        if self.state.stopped.get(instrument):
            if abs(z) < entry:
                self.state.stopped[instrument] = False
            return None
        if z < -entry and sides != "short":
            self.state.side[instrument] = 1
            return self.long(instrument, fraction=fraction, z=f"{z:.2f}")
        if z > entry and sides != "long":
            self.state.side[instrument] = -1
            return self.short(instrument, fraction=fraction, z=f"{z:.2f}")
        return None

    def _leave(self, instrument: str, side: int, z: float) -> Intents:
        if side * z < -self.parameters.stop:
            self.state.stopped[instrument] = True
        elif side * z < -self.parameters.exit:
            return None
        self.state.side[instrument] = 0
        return self.flat(instrument, z=f"{z:.2f}")
