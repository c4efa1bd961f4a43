"""Positions and profit and loss: the arithmetic that risk, strategies, reports and validation share.

Average-price accounting, in the settlement currency. One unit of quantity is worth `unit_value` at a
price p: p * multiplier for a linear instrument, -multiplier / p for an inverse one, so that in both
cases a position earns quantity * (unit_value(exit) - unit_value(entry)):

    linear    (exit - entry) * quantity * multiplier
    inverse   (1/entry - 1/exit) * quantity * multiplier

The cost of a position is the sum of quantity * unit_value over what is still open. A fill moves value
between cost and realised PnL and creates none: after every fill

    pnl_realized - cost = -Σ signed quantity * unit_value(price)

holds exactly. Only two things are rounded, both half-even to `MONEY_DECIMALS`: the unit value of an
inverse instrument, and the cost that a partial close releases when the division leaves a remainder.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import Side

from penstock_kernel.money import ONE, ZERO, unit

MONEY_DECIMALS = 24
_STEP = unit(MONEY_DECIMALS)

Fees = dict[str, Decimal]
"""Fees paid, per currency; a rebate is negative."""


@dataclass(slots=True)
class Contract:
    """What an instrument's PnL depends on."""

    currency: str
    """Settlement currency: that of cost and PnL."""
    multiplier: Decimal = ONE
    inverse: bool = False

    @classmethod
    def of(cls, instrument: Instrument) -> "Contract":
        """The contract that an instrument's definition describes."""
        return cls(instrument.settlement, instrument.multiplier, instrument.inverse)

    def unit_value(self, price: Decimal) -> Decimal:
        """Value of one unit at a price, in the settlement currency; negative for an inverse contract."""
        return fit(-self.multiplier / price) if self.inverse else price * self.multiplier

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Size of a quantity at a price in the settlement currency, never negative."""
        return abs(quantity * self.unit_value(price))


@dataclass(slots=True)
class RoundTrip:
    """A trade: from flat, or from a flip, back to flat or to the next flip."""

    pnl_realized: Decimal = ZERO
    """In the settlement currency, fees apart."""
    fees: Fees = field(default_factory=dict)


@dataclass(slots=True)
class FillEffect:
    """What a fill did to a position."""

    quantity_closed: Decimal
    """Never negative."""
    pnl_realized: Decimal
    round_trip: RoundTrip | None
    """The trade that the fill completed, if it did."""


@dataclass(slots=True)
class Position:
    """A signed quantity with its cost, and what was earned and paid on the way to it."""

    contract: Contract
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    """Σ quantity * unit_value(entry price) of what is open: zero when flat."""
    pnl_realized: Decimal = ZERO
    fees: Fees = field(default_factory=dict)
    trip: RoundTrip = field(default_factory=RoundTrip)
    """The trade that is under way; empty when flat."""

    @property
    def average_price(self) -> Decimal | None:
        """Average entry price (harmonic for an inverse contract), None when flat."""
        if not self.quantity:
            return None
        per_unit = self.cost / self.quantity
        multiplier = self.contract.multiplier
        return fit(-multiplier / per_unit if self.contract.inverse else per_unit / multiplier)

    def unrealized(self, price: Decimal) -> Decimal:
        """What closing everything at `price` would realise, in the settlement currency, fees apart."""
        return self.quantity * self.contract.unit_value(price) - self.cost

    def apply_fill(
        self,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal = ZERO,
        fee_currency: str | None = None,
    ) -> FillEffect:
        """Book a fill. A fill beyond the open quantity closes it, then opens the other way.

        `quantity` and `price` are positive (ValueError otherwise); the fee is in `fee_currency`, the
        settlement currency when that is None.
        """
        if not (quantity > 0 and price > 0):
            raise ValueError(f"a fill of {quantity} at {price}: both must be above zero")
        signed = quantity if side is Side.BUY else -quantity
        value = self.contract.unit_value(price)
        held = self.quantity
        currency = fee_currency or self.contract.currency
        add_fee(self.fees, currency, fee)
        if not held or (held > 0) is (signed > 0):
            self.quantity = held + signed
            self.cost += signed * value
            add_fee(self.trip.fees, currency, fee)
            return FillEffect(ZERO, ZERO, None)
        if quantity < abs(held):
            return self._reduce(signed, value, fee, currency)
        return self._close_or_flip(signed, value, fee, currency)

    def _reduce(self, signed: Decimal, value: Decimal, fee: Decimal, currency: str) -> FillEffect:
        released = fit(self.cost * -signed / self.quantity)
        earned = -signed * value - released
        self.quantity += signed
        self.cost -= released
        self._realize(earned)
        add_fee(self.trip.fees, currency, fee)
        return FillEffect(abs(signed), earned, None)

    def _close_or_flip(self, signed: Decimal, value: Decimal, fee: Decimal, currency: str) -> FillEffect:
        held = self.quantity
        opened = held + signed
        # A flip's fee belongs to both trades, by quantity.
        fee_closing = fit(fee * held / -signed) if opened else fee
        earned = held * value - self.cost
        self._realize(earned)
        add_fee(self.trip.fees, currency, fee_closing)
        completed, self.trip = self.trip, RoundTrip()
        self.quantity = opened
        self.cost = opened * value if opened else ZERO
        if opened:
            add_fee(self.trip.fees, currency, fee - fee_closing)
        else:
            self.quantity = ZERO
        return FillEffect(abs(held), earned, completed)

    def _realize(self, earned: Decimal) -> None:
        self.pnl_realized += earned
        self.trip.pnl_realized += earned


def add_fee(fees: Fees, currency: str, amount: Decimal) -> None:
    """Add an amount to the fees of its currency; nothing is noted for no fee."""
    if amount:
        fees[currency] = fees.get(currency, ZERO) + amount


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros or exponent, so that how it came about leaves no trace."""
    if value == value.to_integral_value():
        return value.quantize(ONE) + ZERO
    return value.normalize()


def fit(value: Decimal) -> Decimal:
    """The value itself where `MONEY_DECIMALS` hold it, else rounded to them, half-even."""
    rounded = value.quantize(_STEP)
    return value if rounded == value else rounded
