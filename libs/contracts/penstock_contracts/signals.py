"""Family `sig`: what strategies want."""

from dataclasses import field
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from penstock_contracts.base import message, record
from penstock_contracts.types import (
    Count,
    Direction,
    Exact,
    Id,
    InstrumentKey,
    Line,
    Name,
    Ns,
    OrderType,
    Positive,
    TargetKind,
    TimeInForce,
)


@record
class OrderStyle:
    """How a signal is to be executed; the default is a market order, good till cancelled.

    `take_profit` and `stop_loss` make a bracket: what the signal opens is protected by a limit order and a
    stop, of which one cancels the other.
    """

    type: OrderType = OrderType.MARKET
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    """What triggers a stop, stop-limit or take-profit; where a trailing stop begins."""
    take_profit: Positive | None = None
    stop_loss: Positive | None = None
    trail: Positive | None = None
    """Distance of a trailing stop from the best price, in quote currency."""
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Ns | None = None
    post_only: bool = False
    reduce_only: bool = False
    algo: Name | None = None
    modify: bool = False
    """Change what works in its place, where that is possible, instead of cancelling it first."""


PLAIN = OrderStyle()
"""At market, good till cancelled."""


@message("sig", "signal")
class Signal:
    """What a strategy wants now in one instrument. Has exactly one outcome."""

    signal_id: Id
    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    """Event time of what it was decided on."""
    ordinal: Count
    """Counts the strategy's signals, from 1."""
    direction: Direction
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    target_kind: TargetKind = TargetKind.RISK
    target: Exact = Decimal(0)
    """Fraction of the strategy's capital, quantity or notional, never negative; unused for `risk`."""
    price: Positive
    """The price that it was decided on; risk sizes by it."""
    style: OrderStyle = field(default_factory=OrderStyle)
    regime: Name | None = None
    model_version: Name | None = None
    features_ref: Line = ""
    metadata: dict[str, str] = field(default_factory=dict)
    volatility: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Standard deviation of the instrument's returns over one interval of the strategy's bars."""


@message("sig", "note")
class Note:
    """What a strategy tells its operator: its own notes, and the error that stopped it."""

    strategy: Name
    ts: Ns
    level: Literal["info", "warning", "error"]
    text: Line
    location: Line = ""
    """File and line of an error in the strategy's code."""
    command_id: Id | None = None
    """The command that it answers; a `warning` refuses it."""
