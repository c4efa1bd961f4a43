"""Microstructure: with the side of the book that is heavier, while the spread is small, and not for long."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Self

from penstock_contracts.orders import SignalRefused
from pydantic import Field, model_validator

from penstock_strategy.intents import Intents
from penstock_strategy.strategy import Needs, Parameters, Strategy, feature
from penstock_strategy.views import Row

_NS_PER_MS = 1_000_000


class BookImbalanceParameters(Parameters):
    """Parameters of the book imbalance; the imbalance is (bid size - ask size) / (bid size + ask size)."""

    period: int = Field(default=5, ge=1, le=10_000, description="Quotes that the imbalance is averaged over.")
    entry: float = Field(default=0.6, gt=0, lt=1, description="Enter with an imbalance beyond this.")
    exit: float = Field(default=0.0, gt=-1, lt=1, description="Be flat when it is back at this.")
    spread_bps_max: float = Field(
        default=2.0, gt=0, le=1_000, description="Enter only while the spread is at most this."
    )
    hold_ms_max: int = Field(
        default=10_000, ge=1, le=86_400_000, description="Be flat on the first quote after so long."
    )
    rest_ms: int = Field(
        default=1_000, ge=0, le=86_400_000, description="After an exit, enter again no sooner than this."
    )
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
class BookImbalanceState:
    """Per instrument: the side it is on, +1, -1 or 0, and since when; event time, ns."""

    side: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, bool] = field(default_factory=dict)
    """After a refusal the imbalance must come back within `entry` first."""


class BookImbalance(Strategy[BookImbalanceParameters, BookImbalanceState]):
    """Buys when much more is bid than offered at the top of the book, sells when it is the other way."""

    def declare(self) -> Needs:
        """Quotes with imbalance and spread."""
        return Needs(
            rows=self.quotes(
                imbalance=feature("book_imbalance", period=self.parameters.period),
                spread=feature("spread_bps"),
            )
        )

    def on_row(self, row: Row) -> Intents:
        """Enter beyond `entry`, leave at `exit` or after `hold_ms_max`."""
        imbalance, parameters = row["imbalance"], self.parameters
        side = self.state.side.get(row.instrument, 0)
        held_ms = (row.ts - self.state.since.get(row.instrument, row.ts)) / _NS_PER_MS
        if side:
            if side * imbalance <= parameters.exit or held_ms >= parameters.hold_ms_max:
                self._turn(row, 0)
                return self.flat(row.instrument, imbalance=f"{imbalance:.2f}")
            return None
        if self.state.waiting.get(row.instrument):
            self.state.waiting[row.instrument] = not abs(imbalance) < parameters.entry
            return None
        resting = row.instrument in self.state.since and held_ms < parameters.rest_ms
        if resting or not row["spread"] <= parameters.spread_bps_max:
            return None
        return self._enter(row, imbalance)

    def on_refused(self, refusal: SignalRefused) -> Intents:
        """Nothing came of it: go on from the position that there is, once the imbalance has come back."""
        position = self.position(refusal.instrument)
        self.state.side[refusal.instrument] = (position > 0) - (position < 0)
        self.state.waiting[refusal.instrument] = not position
        return None

    def _enter(self, row: Row, imbalance: float) -> Intents:
        entry, sides, fraction = self.parameters.entry, self.parameters.sides, self.parameters.fraction
        if imbalance > entry and sides != "short":
            self._turn(row, 1)
            return self.long(row.instrument, fraction=fraction, imbalance=f"{imbalance:.2f}")
        if imbalance < -entry and sides != "long":
            self._turn(row, -1)
            return self.short(row.instrument, fraction=fraction, imbalance=f"{imbalance:.2f}")
        return None

    def _turn(self, row: Row, side: int) -> None:
        self.state.side[row.instrument] = side
        self.state.since[row.instrument] = row.ts
