"""Bounds of single strategies: trades a day, least confidence, least win rate; refused with figures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.orders import PositionChanged
from penstock_contracts.signals import Signal
from penstock_contracts.types import Direction
from penstock_kernel.money import ZERO
from penstock_kernel.session import Guardrails

from penstock_risk.limits import Refusal


@dataclass(slots=True)
class Held:
    """A position as the guardrails follow it, and its result without fees of what is still open."""

    quantity: Decimal = ZERO
    settled: Decimal = ZERO
    """Realised PnL less fees as of the last time that it was flat or flipped."""


@dataclass(slots=True)
class Record:
    """What one strategy has done."""

    day: int = -1
    """Day of `trades` (`penstock_risk.days`)."""
    trades: int = 0
    """Completed on that day."""
    results: list[bool] = field(default_factory=list)
    """Whether each of the last trades won."""
    held: dict[str, Held] = field(default_factory=dict)
    """By instrument."""

    def changed(self, event: PositionChanged, day: int, rails: Guardrails) -> None:
        """Follow a position. A trade is from flat, or a flip, to flat, or the next flip.

        The fees of a flip count for the trade that it ends.
        """
        held = self.held.setdefault(event.instrument, Held())
        before, held.quantity = held.quantity, event.quantity
        if before and (not event.quantity or (before > 0) is not (event.quantity > 0)):
            result = event.pnl_realized - event.fees
            self.completed(day, result > held.settled, rails)
            held.settled = result

    def completed(self, day: int, won: bool, rails: Guardrails) -> None:
        """Count a trade."""
        self.begin_day(day, rails)
        self.trades += 1
        self.results.append(won)
        del self.results[: -rails.win_rate_trades]

    def begin_day(self, day: int, rails: Guardrails) -> None:
        """Begin the day of an event; a win rate that was too low is then forgotten."""
        if day > self.day:
            if self.win_rate_refusal(rails) is not None:
                self.results = []
            self.day, self.trades = day, 0

    def win_rate_refusal(self, rails: Guardrails) -> Refusal | None:
        """What refuses when too few of the last trades won."""
        floor, count = rails.win_rate_min, rails.win_rate_trades
        if floor is None or len(self.results) < count:
            return None
        rate = Decimal(sum(self.results)) / count
        return Refusal("win_rate", floor, rate, f"of the last {count} trades") if rate < floor else None


def refusal_of(
    record: Record,
    rails: Guardrails,
    signal: Signal,
    quantity: Decimal,
    day: int,
    trades_open: Callable[[], int],
) -> Refusal | None:
    """What refuses a signal of a strategy that holds `quantity` in its instrument; None when it may pass.

    `trades_open` counts the instruments in which the strategy has a position, or may be getting one from an
    order that the signal leaves alone. A flip is one more trade.
    """
    wanted = {Direction.LONG: 1, Direction.SHORT: -1, Direction.FLAT: 0}[signal.direction]
    if not wanted:
        return None
    record.begin_day(day, rails)
    confidence = Decimal(repr(signal.confidence))
    if rails.confidence_min is not None and confidence < rails.confidence_min:
        return Refusal("confidence", rails.confidence_min, confidence, "confidence of the signal")
    if quantity * wanted > 0:
        return None
    if rails.trades_per_day_max is not None:
        trades = record.trades + trades_open() + 1
        if trades > rails.trades_per_day_max:
            return Refusal(
                "trades_per_day", Decimal(rails.trades_per_day_max), Decimal(trades), "trades today"
            )
    return record.win_rate_refusal(rails)
