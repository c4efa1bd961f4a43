"""Momentum: with a move over so many bars that is large for the market's own volatility."""

from dataclasses import dataclass, field
from decimal import Decimal
from math import sqrt
from typing import Literal, Self

from penstock_contracts.orders import SignalRefused
from pydantic import Field, model_validator

from penstock_strategy.intents import Intents
from penstock_strategy.strategy import Needs, Parameters, Strategy, feature
from penstock_strategy.views import Bar


class MomentumParameters(Parameters):
    """Parameters of momentum; its score is the return over `period` bars / (volatility * sqrt(period))."""

    period: int = Field(default=120, ge=2, le=10_000, description="Bars that the move is measured over.")
    entry: float = Field(default=1.5, gt=0, le=20, description="Go with a move whose score is beyond this.")
    exit: float = Field(default=0.0, ge=-20, lt=20, description="Be flat when the score is back at this.")
    rsi_period: int = Field(default=14, ge=2, le=10_000, description="Of the relative strength index, bars.")
    rsi_max: float = Field(
        default=80.0, gt=50, le=100,
        description="Do not buy above this index, nor sell below 100 minus it: the move is exhausted.",
    )  # fmt: skip
    sides: Literal["both", "long", "short"] = Field(default="both", description="Sides that it may take.")
    fraction: Decimal | None = Field(
        default=None, gt=0, le=10, description="Fraction of its capital; none: sized by risk."
    )

    @model_validator(mode="after")
    def _exit_is_nearer(self) -> Self:
        if self.exit >= self.entry:
            raise ValueError(f"parameter exit must be below entry ({self.entry}), not {self.exit}")
        return self


@dataclass(slots=True)
class MomentumState:
    """Per instrument: the side it is on, +1, -1 or 0."""

    side: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, bool] = field(default_factory=dict)
    """After a refusal the score must come back within `entry` first."""


class Momentum(Strategy[MomentumParameters, MomentumState]):
    """Buys what has risen and sells what has fallen, by more than chance would move it."""

    def declare(self) -> Needs:
        """Bars with return, volatility and relative strength, which are their own warm-up."""
        period = self.parameters.period
        return Needs(
            bars=self.bars(
                change=feature("return", period=period),
                volatility=feature("volatility", period=period),
                rsi=feature("rsi", period=self.parameters.rsi_period),
            )
        )

    def on_bar(self, bar: Bar) -> Intents:
        """Enter beyond `entry`, leave at `exit`."""
        volatility = bar["volatility"]
        if not volatility > 0:  # NaN while it warms up; 0 when the price stood still
            return None
        score = bar["change"] / (volatility * sqrt(self.parameters.period))
        side = self.state.side.get(bar.instrument, 0)
        if side and side * score <= self.parameters.exit:
            self.state.side[bar.instrument] = side = 0
            entered = self._enter(bar, score)
            return entered if entered is not None else self.flat(bar.instrument, score=f"{score:.2f}")
        if self.state.waiting.get(bar.instrument):
            self.state.waiting[bar.instrument] = abs(score) > self.parameters.entry
            return None
        return None if side else self._enter(bar, score)

    def on_refused(self, refusal: SignalRefused) -> Intents:
        """Nothing came of it: go on from the position that there is, once the score has come back."""
        position = self.position(refusal.instrument)
        self.state.side[refusal.instrument] = (position > 0) - (position < 0)
        self.state.waiting[refusal.instrument] = not position
        return None

    def _enter(self, bar: Bar, score: float) -> Intents:
        parameters, rsi = self.parameters, bar["rsi"]
        if score > parameters.entry and rsi <= parameters.rsi_max and parameters.sides != "short":
            self.state.side[bar.instrument] = 1
            return self.long(bar.instrument, fraction=parameters.fraction, score=f"{score:.2f}")
        if score < -parameters.entry and rsi >= 100 - parameters.rsi_max and parameters.sides != "long":
            self.state.side[bar.instrument] = -1
            return self.short(bar.instrument, fraction=parameters.fraction, score=f"{score:.2f}")
        return None
