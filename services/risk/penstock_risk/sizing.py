"""From what a strategy wants to a signed target quantity."""

from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.signals import Signal
from penstock_contracts.types import Direction, TargetKind
from penstock_kernel.money import ZERO

from penstock_risk.config import RiskConfig


def target_quantity(config: RiskConfig, signal: Signal, capital: Decimal, unit_notional: Decimal) -> Decimal:
    """The position that the signal asks for, signed, not rounded.

    `capital` is the strategy's, `unit_notional` the notional of one unit at the signal's price; both,
    and a target of kind `notional`, are in account currency.
    """
    if signal.direction is Direction.FLAT:
        return ZERO
    kind, amount = signal.target_kind, signal.target
    if kind is TargetKind.RISK:
        kind, amount = _by_risk(config)
    if kind is TargetKind.QUANTITY:
        size = amount
    elif kind is TargetKind.NOTIONAL:
        size = amount / unit_notional
    else:
        size = amount * capital / unit_notional
    return size if signal.direction is Direction.LONG else -size


def _by_risk(config: RiskConfig) -> tuple[TargetKind, Decimal]:
    match config.sizing_method:
        case "fixed_quantity":
            return TargetKind.QUANTITY, config.sizing_quantity
        case "fixed_notional":
            return TargetKind.NOTIONAL, config.sizing_notional
        case "capital_fraction":
            return TargetKind.FRACTION, config.sizing_fraction


def below_minimum(
    instrument: Instrument, quantity: Decimal, price: Decimal
) -> tuple[str, Decimal, Decimal] | None:
    """(rule, limit, value) when an order is smaller than the instrument allows.

    The minimum notional is in quote currency: an inverse contract's multiplier is its face value there.
    """
    size = abs(quantity)
    if size < instrument.quantity_min:
        return "quantity_min", instrument.quantity_min, size
    notional = size * instrument.multiplier
    if not instrument.inverse:
        notional *= price
    if notional < instrument.notional_min:
        return "notional_min", instrument.notional_min, notional
    return None
