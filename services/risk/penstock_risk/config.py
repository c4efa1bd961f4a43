"""Risk's settings. Every limit has a value: what is not set here is conservative, never absent."""

from decimal import Decimal
from typing import Annotated, Literal

from penstock_contracts.types import InstrumentKey, OrderType, Positive, TimeInForce
from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[Decimal, Field(gt=0, le=10**12, allow_inf_nan=False)]
"""A multiple of the session's capital."""
Count = Annotated[int, Field(ge=1, le=10**12)]
AfterStop = Literal["day", "end"]
"""`day`: flatten and wait for the next UTC day; `end`: flatten and end the session."""


class InstrumentLimits(BaseModel):
    """The limits that may differ by instrument. Notionals are fractions of the session's capital."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_quantity_max: Positive = Field(
        default=Decimal(10**9), description="Largest quantity of one order, in units of the instrument."
    )
    order_notional_fraction_max: Fraction = Field(
        default=Decimal("0.25"), description="Largest notional of one order, at its worst price."
    )
    position_quantity_max: Positive = Field(
        default=Decimal(10**9), description="Largest position of a strategy in an instrument, in units."
    )
    position_notional_fraction_max: Fraction = Field(
        default=Decimal("0.25"), description="Largest notional of a strategy's position in an instrument."
    )
    instrument_exposure_fraction_max: Fraction = Field(
        default=Decimal("0.5"), description="Largest notional of the account's position in an instrument."
    )

    @model_validator(mode="after")
    def _order_within_position(self) -> "InstrumentLimits":
        for name in ("quantity", "notional_fraction"):
            order, position = getattr(self, f"order_{name}_max"), getattr(self, f"position_{name}_max")
            if order > position:
                raise ValueError(
                    f"order_{name}_max ({order}) must not be above position_{name}_max ({position})"
                )
        return self


class RiskConfig(InstrumentLimits):
    """All limits, stops and sizing of a session."""

    instrument_limits: dict[InstrumentKey, InstrumentLimits] = Field(
        default={}, description="Limits of single instruments, in place of the general ones."
    )
    unlisted_instruments: Literal["general", "refuse"] = Field(
        default="general", description="What holds for instruments without an entry in instrument_limits."
    )
    gross_exposure_fraction_max: Fraction = Field(
        default=Decimal(1), description="Largest sum of the notionals of all positions of all strategies."
    )
    net_exposure_fraction_max: Fraction = Field(
        default=Decimal(1), description="Largest difference between long and short notionals."
    )
    strategy_exposure_fraction_max: Fraction = Field(
        default=Decimal(1),
        description="Largest sum of the notionals of a strategy's positions, as a fraction of its capital.",
    )
    leverage_max: Fraction = Field(
        default=Decimal(1), description="Largest gross exposure as a multiple of the account's equity."
    )

    price_collar: Decimal = Field(
        default=Decimal("0.02"), gt=0, lt=1,
        description="How far a decision's or limit order's price may lie from the market's, relatively; "
        "market orders count in the limits at this distance.",
    )  # fmt: skip
    price_age_ms_max: int = Field(
        default=5_000, ge=1, le=10**12, description="Oldest price to trade on, in event time, ms."
    )
    price_age_intervals_max: int = Field(
        default=2, ge=0, le=10**6,
        description="The same in intervals of the strategy's bars; the larger of the two holds. "
        "0 where prices come faster than bars.",
    )  # fmt: skip
    orders_per_second_max: Count = Field(default=10, description="Orders in one second of event time.")
    orders_per_minute_max: Count = Field(default=120, description="Orders in one minute of event time.")
    short_allowed: Literal["never", "derivatives", "borrowed", "always"] = Field(
        default="derivatives",
        description="What may be sold short. Spot and equities need borrowing: with `borrowed` as much of "
        "them as borrow_quantity says, with `always` any quantity.",
    )
    borrow_quantity: dict[InstrumentKey, Positive] = Field(
        default={},
        description="What can be borrowed of an instrument, in units, for all strategies together.",
    )
    order_types: tuple[OrderType, ...] = Field(
        default=tuple(OrderType), description="Order types that may pass."
    )
    times_in_force: tuple[TimeInForce, ...] = Field(
        default=tuple(TimeInForce), description="Times in force that may pass."
    )

    sizing_method: Literal[
        "fixed_quantity", "fixed_notional", "capital_fraction", "volatility_target", "fractional_kelly"
    ] = Field(default="capital_fraction", description="How signals that leave their size to risk are sized.")
    sizing_quantity: Positive = Field(default=Decimal(1), description="For fixed_quantity, in units.")
    sizing_notional: Positive = Field(
        default=Decimal(1000), description="For fixed_notional, account currency."
    )
    sizing_fraction: Fraction = Field(
        default=Decimal("0.1"), description="For capital_fraction: of the strategy's capital."
    )
    sizing_volatility: Fraction = Field(
        default=Decimal("0.1"),
        description="For volatility_target: yearly volatility of a position as a fraction of the strategy's "
        "capital. Needs signals that carry the volatility of their instrument.",
    )
    sizing_kelly: Decimal = Field(
        default=Decimal("0.25"), gt=0, le=1, allow_inf_nan=False,
        description="For fractional_kelly: part of the Kelly fraction, with a signal's confidence as the "
        "probability to win.",
    )  # fmt: skip
    sizing_kelly_payoff: Fraction = Field(
        default=Decimal(1),
        description="For fractional_kelly: what is won over what is lost, without a stop and a target.",
    )
    sizing_fraction_max: Fraction = Field(
        default=Decimal("0.25"),
        description="For volatility_target and fractional_kelly: most of the strategy's capital.",
    )
    sizing_compound: bool = Field(
        default=False, description="A strategy's capital is its share of current equity, not of the start's."
    )

    daily_loss_fraction_max: Fraction = Field(
        default=Decimal("0.02"), description="Loss since the day began that stops trading."
    )
    drawdown_fraction_max: Decimal = Field(
        default=Decimal("0.05"), gt=0, le=10**12,
        description="Fall of equity from its peak that stops trading, as a fraction of the peak.",
    )  # fmt: skip
    consecutive_losses_max: Count = Field(
        default=50, description="Losing trades in a row, fees included, that stop trading."
    )
    trades_max: Count = Field(
        default=500, description="Completed trades (round trips) that stop trading; per day with `day`."
    )
    duration_s_max: Count = Field(default=31 * 86_400, description="Event time that ends the session, s.")
    on_daily_loss: AfterStop = Field(default="day", description="What follows the daily loss.")
    on_drawdown: AfterStop = Field(default="end", description="What follows the drawdown.")
    on_consecutive_losses: AfterStop = Field(default="end", description="What follows the losses in a row.")
    on_trades: AfterStop = Field(default="end", description="What follows the last trade allowed.")

    sample_interval_s: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=3600, description="Distance of the equity samples in the log, event time, s."
    )

    def limits_of(self, instrument: str) -> InstrumentLimits | None:
        """The limits of an instrument, None where none may be assumed."""
        own = self.instrument_limits.get(instrument)
        if own is None and self.unlisted_instruments == "general":
            return self
        return own


_UNBOUND = Decimal(10**12)
PROFILES: dict[str, RiskConfig] = {
    "conservative": RiskConfig(),
    # Every rule is evaluated; none binds. For comparisons of strategies, runs and topologies.
    "open": RiskConfig(
        order_quantity_max=_UNBOUND * 10**6,
        position_quantity_max=_UNBOUND * 10**6,
        order_notional_fraction_max=_UNBOUND,
        position_notional_fraction_max=_UNBOUND,
        instrument_exposure_fraction_max=_UNBOUND,
        gross_exposure_fraction_max=_UNBOUND,
        net_exposure_fraction_max=_UNBOUND,
        strategy_exposure_fraction_max=_UNBOUND,
        leverage_max=_UNBOUND,
        price_collar=Decimal("0.99"),
        price_age_ms_max=10**12,
        price_age_intervals_max=10**6,
        orders_per_second_max=10**12,
        orders_per_minute_max=10**12,
        short_allowed="always",
        daily_loss_fraction_max=_UNBOUND,
        drawdown_fraction_max=_UNBOUND,
        consecutive_losses_max=10**12,
        trades_max=10**12,
        duration_s_max=9 * 10**9,
    ),
}
"""Settings by the name of their profile."""
