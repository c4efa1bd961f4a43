"""The definition of an instrument."""

from decimal import Decimal
from typing import Literal

from penstock_contracts.base import record
from penstock_contracts.types import (
    Currency,
    Exact,
    InstrumentKey,
    InstrumentKind,
    Line,
    MarketStatus,
    Ns,
    Positive,
    Scale,
)


@record
class Instrument:
    """What can be traded, in which units, at which cost.

    Prices are in `quote` per unit of `base`; fees are fractions of the notional; `multiplier` is the
    number of base units (linear) or quote units (inverse) per contract.
    """

    instrument: InstrumentKey
    kind: InstrumentKind
    base: Currency
    quote: Currency
    settlement: Currency
    multiplier: Positive = Decimal(1)
    inverse: bool = False
    tick_size: Positive | None = None
    lot_size: Positive
    quantity_min: Exact = Decimal(0)
    notional_min: Exact = Decimal(0)
    price_decimals: Scale
    size_decimals: Scale
    fee_maker: Exact
    fee_taker: Exact
    margin_initial: Exact = Decimal(1)
    margin_maintenance: Exact = Decimal(0)
    expiry: Ns | None = None
    calendar: str | None = None
    status: MarketStatus = MarketStatus.TRADING
    volume_unit: Literal["base", "quote"] = "base"
    assumptions: tuple[Line, ...] = ()
    """What was assumed when the definition was inferred from a file; empty when it was given."""
