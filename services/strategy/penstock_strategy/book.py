"""A strategy's own book: its position, its working orders, and signals whose outcome is not known."""

from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import OrderApproved, SignalRefused, SignalResolved
from penstock_contracts.venue import Fill, OrderChanged
from penstock_kernel.money import ZERO


@dataclass(slots=True)
class Holding:
    """Position in one instrument: the signed sum of the fills, and the average price of what is open."""

    quantity: Decimal = ZERO
    average_price: Decimal | None = None

    def fill(self, quantity: Decimal, price: Decimal, *, inverse: bool) -> None:
        """Add a signed quantity at a price. An inverse contract's average is of 1 / price."""
        before, after = self.quantity, self.quantity + quantity
        self.quantity = after
        if after == 0:
            self.average_price = None
        elif before == 0 or (before > 0) != (after > 0):
            self.average_price = price
        elif (before > 0) == (quantity > 0):
            assert self.average_price is not None
            if inverse:
                self.average_price = after / (before / self.average_price + quantity / price)
            else:
                self.average_price = (before * self.average_price + quantity * price) / after


@dataclass(slots=True)
class Book:
    """What one strategy has, and may yet get."""

    holdings: dict[str, Holding] = field(default_factory=dict)
    working: dict[str, str] = field(default_factory=dict)
    """Order id -> instrument, from its approval to its end."""
    pending: dict[str, str] = field(default_factory=dict)
    """Signal id -> instrument, until its outcome is known."""

    def fill(self, fill: Fill, definition: Instrument | None) -> None:
        """Book a fill."""
        holding = self.holdings.setdefault(fill.instrument, Holding())
        inverse = definition is not None and definition.inverse
        holding.fill(fill.quantity * fill.side.sign, fill.price, inverse=inverse)
        if fill.quantity_left == 0:
            self.working.pop(fill.order_id, None)

    def approved(self, order: OrderApproved) -> None:
        """A signal became an order."""
        self.pending.pop(order.signal_id, None)
        self.working[order.order_id] = order.instrument

    def settled(self, outcome: SignalRefused | SignalResolved) -> None:
        """A signal became none."""
        self.pending.pop(outcome.signal_id, None)

    def changed(self, event: OrderChanged) -> None:
        """An order moved on; one that ended works no more."""
        if event.to_state.terminal:
            self.working.pop(event.order_id, None)

    def position(self, instrument: str) -> Decimal:
        """Signed quantity."""
        holding = self.holdings.get(instrument)
        return holding.quantity if holding is not None else ZERO

    def busy(self, instrument: str) -> bool:
        """Whether an order works in the instrument, or a signal's outcome is open."""
        return instrument in self.working.values() or instrument in self.pending.values()

    def exposed(self) -> list[str]:
        """Instruments with a position, an order or a signal that may become one; sorted."""
        held = [key for key, holding in self.holdings.items() if holding.quantity]
        return sorted({*held, *self.working.values(), *self.pending.values()})
