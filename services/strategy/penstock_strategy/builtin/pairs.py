"""Pairs: two instruments whose ratio has left its mean are expected to come back together."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Self

from penstock_contracts.orders import SignalRefused
from pydantic import Field, model_validator

from penstock_strategy.intents import Intents
from penstock_strategy.strategy import Needs, Parameters, Strategy, feature
from penstock_strategy.views import Bar


class PairsParameters(Parameters):
    """Parameters of pairs; z is of ln(first / second) over `period` bars."""

    period: int = Field(
        default=120, ge=3, le=10_000, description="Bars of mean, deviation, beta, correlation."
    )
    entry: float = Field(default=2.0, gt=0, le=20, description="Enter when the ratio is beyond this z.")
    exit: float = Field(default=0.5, ge=0, le=20, description="Be flat again when z is within this.")
    stop: float = Field(default=4.0, gt=0, le=100, description="Give up beyond this z.")
    correlation_min: float = Field(
        default=0.2, ge=-1, lt=1, description="Enter only while the returns are at least so correlated."
    )
    hedge: Literal["beta", "equal"] = Field(
        default="beta", description="The second leg is beta times the first, from 1/4 to 4 times, or equal."
    )
    fraction: Decimal = Field(
        default=Decimal("0.1"), gt=0, le=10, description="Fraction of its capital in the first leg."
    )

    @model_validator(mode="after")
    def _thresholds_are_in_order(self) -> Self:
        if not self.exit < self.entry < self.stop:
            raise ValueError(
                f"parameters must have exit < entry < stop, not {self.exit}, {self.entry} and {self.stop}"
            )
        if self.entry * self.entry >= self.period - 1:
            raise ValueError(
                f"parameter entry {self.entry} is never reached with period {self.period}: it must be below "
                f"the square root of {self.period - 1}"
            )
        return self


@dataclass(slots=True)
class PairsState:
    """The side of the first leg, +1, -1 or 0, and what it waits for."""

    side: int = 0
    stopped: bool = False
    """After a stop or a refusal z must come back within `entry` first."""
    left: bool = False
    """A close was refused: it asks again with the next bar."""


_HEDGE_MIN, _HEDGE_MAX = 0.25, 4.0


class Pairs(Strategy[PairsParameters, PairsState]):
    """Sells the dearer of two instruments against the cheaper; both legs are wanted by the same bar.

    The first and second of its instruments are the legs. It is decided on the first's bars; the second's
    price is that of its last bar, which comes before.
    """

    def declare(self) -> Needs:
        """Bars of both; the first's with z, beta and correlation against the second."""
        if len(self.instruments) != 2:
            raise ValueError(
                f"pairs needs two instruments (instrument=first+second), not {len(self.instruments)}"
            )
        first, second = self.instruments
        period = self.parameters.period
        compared = self.bars(
            of=first,
            z=feature("ratio_z", other=second, period=period),
            beta=feature("beta", other=second, period=period),
            correlation=feature("correlation", other=second, period=period),
        )
        return Needs(bars=(*compared, *self.bars(of=second)))

    def on_bar(self, bar: Bar) -> Intents:
        """Enter beyond `entry`, leave within `exit` or beyond `stop`."""
        first, second = self.instruments
        if bar.instrument != first or self.price(second) is None:
            return None
        z, side = bar["z"], self.state.side
        if side:
            return self._leave(side, z)
        if self.state.left:
            self.state.left = False
            return [self.flat(key, reason="left over") for key in self.instruments if self.position(key)]
        if self.state.stopped:
            self.state.stopped = not abs(z) < self.parameters.entry
            return None
        if abs(z) > self.parameters.entry and bar["correlation"] >= self.parameters.correlation_min:
            return self._enter(-1 if z > 0 else 1, z, bar["beta"])
        return None

    def on_refused(self, refusal: SignalRefused) -> Intents:
        """One leg alone is no pair: be flat in both, until z has come back."""
        if not self.state.side:
            self.state.left = self.position(refusal.instrument) != 0
            return None
        self.state.side, self.state.stopped = 0, True
        return [self.flat(key, reason="leg refused") for key in self.instruments]

    def _enter(self, side: int, z: float, beta: float) -> Intents:
        parameters = self.parameters
        ratio = min(max(beta, _HEDGE_MIN), _HEDGE_MAX) if parameters.hedge == "beta" else 1.0
        if ratio != ratio:  # noqa: PLR0124  (NaN: the second stands still)
            return None
        first, second = self.instruments
        hedge = (parameters.fraction * Decimal(repr(ratio))).quantize(Decimal("1e-6"))
        self.state.side = side
        legs = ((first, side, parameters.fraction), (second, -side, hedge))
        return [
            (self.long if way > 0 else self.short)(key, fraction=size, z=f"{z:.2f}")
            for key, way, size in legs
        ]

    def _leave(self, side: int, z: float) -> Intents:
        if -side * z > self.parameters.stop:
            self.state.stopped = True
        elif -side * z > self.parameters.exit:
            return None
        self.state.side = 0
        return [self.flat(key, z=f"{z:.2f}") for key in self.instruments]
