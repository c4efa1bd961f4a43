"""What every stage of a session knows of it. Resolved before the session starts, immutable after."""

from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import Currency, Id, InstrumentKey, Name, Ns, Positive
from pydantic import BaseModel, ConfigDict, Field

from penstock_kernel.declarations import FeatureSetSpec, FeatureSpec

MANUAL = "manual"
"""The strategy in whose name operators place orders. It has no code, and every session has it."""


class Guardrails(BaseModel):
    """Bounds of one strategy. A signal to be flat always passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trades_per_day_max: int | None = Field(
        default=None, ge=1, description="Round trips in one day, those that are open included."
    )
    confidence_min: Decimal | None = Field(
        default=None, ge=0, le=1, description="Least confidence of a signal to be long or short."
    )
    win_rate_min: Decimal | None = Field(
        default=None, ge=0, le=1,
        description="Least share of winning trades, fees included, among the last `win_rate_trades`; below "
        "it nothing is opened until the next day, when the count begins anew.",
    )  # fmt: skip
    win_rate_trades: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Trades that judge the win rate; fewer do not.",
    )

    @property
    def any(self) -> bool:
        """Whether anything is bounded."""
        bounds = (self.trades_per_day_max, self.confidence_min, self.win_rate_min)
        return any(each is not None for each in bounds)


class StrategySpec(BaseModel):
    """One strategy of the session. Several may share a class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    """Unique in the session."""
    source: str
    """A built-in's name, `file.py:Class`, or an entry point."""
    parameters: dict[str, Any] = {}
    instruments: tuple[InstrumentKey, ...]
    interval: Ns
    """Of the bars that it sees, ns."""
    capital_fraction: Positive = Decimal(1)
    """Its share of the account's capital."""
    mode: Literal["trade", "shadow"] = "trade"
    """`shadow`: what it wants is traded in a virtual ledger of its own and never reaches execution."""
    shadow_cost_bps: Decimal = Field(default=Decimal(2), ge=0, le=1_000)
    """Added to the price of its virtual fills: half the spread and slippage, basis points."""
    guardrails: Guardrails = Guardrails()


class SessionConfig(BaseModel):
    """The session as all stages see it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session_id: Id
    currency: Currency
    """Of the account."""
    capital: Positive
    grid: Ns
    """Distance of the marks, ns."""
    start: Ns = 0
    """Event time before the first datum; on the grid. 0: the grid point before the first datum."""
    instruments: tuple[Instrument, ...]
    strategies: tuple[StrategySpec, ...]
    quoted: tuple[InstrumentKey, ...] = ()
    """Instruments with quotes or books, but neither trades nor bars: their bars are made of quotes."""
    realtime: bool = True
    """Wall-clock speed: event time is the time of receipt."""
    partition: int = Field(default=0, ge=0)
    feature_sets: tuple[FeatureSetSpec, ...] = ()
    regime: FeatureSpec | None = None
    """Computed on the shortest bars of each strategy, and said with its signals; None: signals have none."""

    @cached_property
    def manual(self) -> StrategySpec:
        """What operators' orders are limited by, like a strategy's."""
        keys = tuple(each.instrument for each in self.instruments)
        return StrategySpec(name=MANUAL, source=MANUAL, instruments=keys, interval=self.grid)

    @cached_property
    def by_key(self) -> dict[str, Instrument]:
        """The instruments by key."""
        return {each.instrument: each for each in self.instruments}
