"""The limits as a table: the rules an order is held against, in this order.

`Caps` holds what is allowed and `Facts` what the order would make of it; both have a field for each
rule, and a fact above its cap refuses. Money is in account currency. What only reduces a strategy's
position passes the rules in `SPARE_REDUCTIONS`, and an order that does not raise a measure which prices
have carried above its cap passes too: such rules are left out of the approval's checks.
"""

from decimal import Decimal
from typing import NamedTuple

from penstock_risk.config import InstrumentLimits, RiskConfig


class Caps(NamedTuple):
    """What is allowed."""

    order_quantity: Decimal
    order_notional: Decimal
    position_quantity: Decimal
    position_notional: Decimal
    instrument_exposure: Decimal
    strategy_exposure: Decimal
    gross_exposure: Decimal
    net_exposure: Decimal
    leverage: Decimal
    orders_per_second: Decimal
    orders_per_minute: Decimal


class Facts(NamedTuple):
    """What the order would make of it, at worst."""

    order_quantity: Decimal
    order_notional: Decimal
    position_quantity: Decimal
    position_notional: Decimal
    instrument_exposure: Decimal
    strategy_exposure: Decimal
    gross_exposure: Decimal
    net_exposure: Decimal
    leverage: Decimal
    orders_per_second: Decimal
    orders_per_minute: Decimal


RULES = Caps._fields
MEASURES = frozenset(RULES[2:9])
"""Rules on a state of the account, which an order may leave as it is."""
SPARE_REDUCTIONS = frozenset(RULES) - MEASURES


class Refusal(NamedTuple):
    """The rule that refuses, and its figures where it has some."""

    rule: str
    limit: Decimal | None = None
    value: Decimal | None = None
    text: str = ""


def caps_of(config: RiskConfig, limits: InstrumentLimits, capital: Decimal, share: Decimal) -> Caps:
    """The caps of one instrument and one strategy, whose share of the capital is `share`."""
    return Caps(
        limits.order_quantity_max,
        limits.order_notional_fraction_max * capital,
        limits.position_quantity_max,
        limits.position_notional_fraction_max * capital,
        limits.instrument_exposure_fraction_max * capital,
        config.strategy_exposure_fraction_max * capital * share,
        config.gross_exposure_fraction_max * capital,
        config.net_exposure_fraction_max * capital,
        config.leverage_max,
        Decimal(config.orders_per_second_max),
        Decimal(config.orders_per_minute_max),
    )
