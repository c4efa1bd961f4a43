"""A position against a naive reference that keeps every lot as a fraction."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from penstock_contracts.types import Side
from penstock_kernel.ledger import MONEY_DECIMALS, Contract, Position

QUANTITIES = st.integers(1, 10**9).map(lambda n: Decimal(n).scaleb(-6))
PRICES = st.integers(1, 10**11).map(lambda n: Decimal(n).scaleb(-5))
FEES = st.integers(-(10**6), 10**6).map(lambda n: Decimal(n).scaleb(-8))


class Lots:
    """Open lots as (quantity, entry price); a close takes the same share of each: average price."""

    def __init__(self, multiplier: Decimal, inverse: bool) -> None:
        self.multiplier, self.inverse = Fraction(multiplier), inverse
        self.lots: list[tuple[Fraction, Fraction]] = []
        self.realized = Fraction(0)

    def pnl(self, quantity: Fraction, entry: Fraction, exit_price: Fraction) -> Fraction:
        if self.inverse:
            return quantity * self.multiplier * (1 / entry - 1 / exit_price)
        return (exit_price - entry) * quantity * self.multiplier

    def quantity(self) -> Fraction:
        return sum((quantity for quantity, _ in self.lots), Fraction(0))

    def fill(self, signed: Fraction, price: Fraction) -> None:
        held = self.quantity()
        if held * signed < 0:
            closed = min(abs(signed), abs(held))
            share = closed / abs(held)
            self.realized += sum(self.pnl(quantity * share, entry, price) for quantity, entry in self.lots)
            self.lots = [(quantity * (1 - share), entry) for quantity, entry in self.lots if share < 1]
            signed += closed if signed < 0 else -closed
        if signed:
            self.lots.append((signed, price))

    def unrealized(self, price: Fraction) -> Fraction:
        return sum((self.pnl(quantity, entry, price) for quantity, entry in self.lots), Fraction(0))


class LedgerMachine(RuleBasedStateMachine):
    @initialize(multiplier=st.sampled_from(["1", "0.01", "100"]), inverse=st.booleans())
    def begin(self, multiplier: str, inverse: bool) -> None:
        self.contract = Contract("USD", Decimal(multiplier), inverse)
        self.position = Position(self.contract)
        self.lots = Lots(Decimal(multiplier), inverse)
        self.flow = Decimal(0)
        self.fees = Decimal(0)
        self.trips = Decimal(0)
        self.trip_fees = Decimal(0)
        self.rounded = Fraction(0)

    @rule(side=st.sampled_from(Side), quantity=QUANTITIES, price=PRICES, fee=FEES)
    def trade(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        self.book(side, quantity, price, fee)

    @rule(price=PRICES, fee=FEES)
    def close_exactly(self, price: Decimal, fee: Decimal) -> None:
        held = self.position.quantity
        if held:
            self.book(Side.SELL if held > 0 else Side.BUY, abs(held), price, fee)
            assert (self.position.quantity, self.position.cost) == (0, 0)

    def book(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        effect = self.position.apply_fill(side, quantity, price, fee)
        self.lots.fill(Fraction(quantity) * side.sign, Fraction(price))
        self.flow -= quantity * side.sign * self.contract.unit_value(price)
        self.fees += fee
        # One unit value per fill and one released cost may be off by half a unit in the last place.
        self.rounded += (Fraction(quantity) + 1) * Fraction(1, 10**MONEY_DECIMALS)
        if effect.round_trip is not None:
            self.trips += effect.round_trip.pnl_realized
            self.trip_fees += effect.round_trip.fees.get("USD", Decimal(0))

    @invariant()
    def nothing_is_created_or_lost(self) -> None:
        position = self.position
        assert position.pnl_realized - position.cost == self.flow
        assert position.fees.get("USD", 0) == self.fees
        assert self.trips + position.trip.pnl_realized == position.pnl_realized
        assert self.trip_fees + position.trip.fees.get("USD", Decimal(0)) == self.fees
        assert (position.quantity == 0) == (position.average_price is None)

    @invariant()
    def lots_say_the_same(self) -> None:
        position = self.position
        assert Fraction(position.quantity) == self.lots.quantity()
        assert abs(Fraction(position.pnl_realized) - self.lots.realized) <= self.rounded
        price = Decimal("123.45")
        tolerance = self.rounded + (abs(Fraction(position.quantity)) + 1) / 10**MONEY_DECIMALS
        assert abs(Fraction(position.unrealized(price)) - self.lots.unrealized(Fraction(price))) <= tolerance


LedgerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestLedger = LedgerMachine.TestCase
