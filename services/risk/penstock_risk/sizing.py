"""From what a strategy wants to a signed target quantity."""

from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.signals import Signal
from penstock_contracts.types import Direction, TargetKind
from penstock_kernel.money import ONE, ZERO

from penstock_risk.config import RiskConfig
from penstock_risk.limits import Refusal

_YEAR_NS = 365 * 86_400 * 10**9


def target_quantity(
    config: RiskConfig, signal: Signal, capital: Decimal, unit_notional: Decimal, interval: int
) -> Decimal | Refusal:
    """The position that the signal asks for, signed, not rounded; or why it cannot be sized.

    `capital` is the strategy's, `unit_notional` the notional of one unit at the signal's price; both,
    and a target of kind `notional`, are in account currency. `interval` is that of the strategy's bars, ns.
    """
    if signal.direction is Direction.FLAT:
        return ZERO
    kind, amount = signal.target_kind, signal.target
    if kind is TargetKind.RISK:
        sized = _by_risk(config, signal, interval)
        if isinstance(sized, Refusal):
            return sized
        kind, amount = sized
    if kind is TargetKind.QUANTITY:
        size = amount
    elif kind is TargetKind.NOTIONAL:
        size = amount / unit_notional
    else:
        size = amount * capital / unit_notional
    return size if signal.direction is Direction.LONG else -size


def _by_risk(config: RiskConfig, signal: Signal, interval: int) -> tuple[TargetKind, Decimal] | Refusal:
    match config.sizing_method:
        case "fixed_quantity":
            return TargetKind.QUANTITY, config.sizing_quantity
        case "fixed_notional":
            return TargetKind.NOTIONAL, config.sizing_notional
        case "capital_fraction":
            return TargetKind.FRACTION, config.sizing_fraction
        case "volatility_target":
            return _capped(config, _volatility_fraction(config, signal, interval))
        case "fractional_kelly":
            return _capped(config, _kelly_fraction(config, signal))


def _capped(config: RiskConfig, fraction: Decimal | Refusal) -> tuple[TargetKind, Decimal] | Refusal:
    if isinstance(fraction, Refusal):
        return fraction
    return TargetKind.FRACTION, min(fraction, config.sizing_fraction_max)


def _volatility_fraction(config: RiskConfig, signal: Signal, interval: int) -> Decimal | Refusal:
    """Target volatility over the instrument's, both of a year of 365 days."""
    if signal.volatility is None:
        return Refusal("sizing", text="the signal says no volatility, which volatility_target needs")
    yearly = Decimal(repr(signal.volatility)) * (Decimal(_YEAR_NS) / interval).sqrt()
    return config.sizing_volatility / yearly


def _kelly_fraction(config: RiskConfig, signal: Signal) -> Decimal | Refusal:
    """A part of p - (1 - p) / b: p the probability to win, b what is won over what is lost (Kelly 1956)."""
    chance = Decimal(repr(signal.confidence))
    style, payoff = signal.style, config.sizing_kelly_payoff
    if style.take_profit is not None and style.stop_loss is not None and style.stop_loss != signal.price:
        payoff = abs(style.take_profit - signal.price) / abs(signal.price - style.stop_loss)
    edge = chance - (ONE - chance) / payoff if payoff else -ONE
    if edge <= 0:
        return Refusal("sizing", ZERO, edge, "no edge: fractional_kelly sizes it at nothing")
    return config.sizing_kelly * edge


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
