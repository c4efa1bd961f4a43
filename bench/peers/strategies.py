"""Strategies that are called on every trade or book update; the peers' modules have the same for them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderType
from penstock_strategy import Bar, Intents, Needs, NoState, Parameters, Row, Strategy
from pydantic import Field


class TickCrossParameters(Parameters):
    """Periods of the averages."""

    fast: int = Field(default=6_000, ge=1, description="Of the fast average, trades.")
    slow: int = Field(default=12_000, ge=2, description="Of the slow average, trades.")


@dataclass(slots=True)
class Averages:
    """Of one instrument."""

    fast: float = 0.0
    slow: float = 0.0
    seen: int = 0
    side: int = 0


@dataclass(slots=True)
class TickCrossState:
    """Per instrument."""

    of: dict[str, Averages] = field(default_factory=dict)


class TickCross(Strategy[TickCrossParameters, TickCrossState]):
    """Two exponential averages of the price, in plain Python, on every trade; long or short at a cross."""

    def declare(self) -> Needs:
        """A row per trade, without features."""
        return Needs(rows=self.trades())

    def on_row(self, row: Row) -> Intents:
        """Move both averages; signal when they change sides after the warm-up."""
        price = row.value
        now = self.state.of.get(row.instrument)
        if now is None:
            self.state.of[row.instrument] = Averages(price, price, 1)
            return None
        parameters = self.parameters
        now.fast += (price - now.fast) * (2.0 / (parameters.fast + 1))
        now.slow += (price - now.slow) * (2.0 / (parameters.slow + 1))
        now.seen += 1
        if now.seen < parameters.slow:
            return None
        side = 1 if now.fast > now.slow else -1
        if side == now.side:
            return None
        first, now.side = now.side == 0, side
        if first:
            return None
        return self.long(row.instrument) if side > 0 else self.short(row.instrument)


class QuoterParameters(Parameters):
    """Where it stands."""

    tick: Decimal = Field(default=Decimal("0.1"), gt=0, description="Half the spread.")


class Quoter(Strategy[QuoterParameters, NoState]):
    """One resting order, replaced at the end of every bar: `Passive`, asked no oftener than it acts."""

    def declare(self) -> Needs:
        """Bars of the book's middle, without features."""
        return Needs(bars=self.bars())

    def on_bar(self, bar: Bar) -> Intents:
        """Bid while flat, offer while long, at the best price of its side."""
        return _resting(self, bar.instrument, bar.price, self.parameters.tick)


class PassiveParameters(Parameters):
    """When it acts."""

    every_ns: int = Field(default=20_000_000_000, ge=1, description="Event time between two of its orders.")
    tick: Decimal = Field(default=Decimal("0.1"), gt=0, description="Half the spread.")


@dataclass(slots=True)
class PassiveState:
    """When it acts next."""

    due: int = 0


class Passive(Strategy[PassiveParameters, PassiveState]):
    """One resting order: bids while it is flat, offers while it is long, at the best price of its side."""

    def declare(self) -> Needs:
        """A row per book update, without features."""
        return Needs(rows=self.quotes())

    def on_row(self, row: Row) -> Intents:
        """Replace what rests every so often."""
        ts = row.ts
        if ts < self.state.due:
            return None
        every, tick = self.parameters.every_ns, self.parameters.tick
        first, self.state.due = not self.state.due, (ts // every + 1) * every
        if first:
            return None
        return _resting(self, row.instrument, row.price, tick)


def _resting(strategy: Strategy[Any, Any], instrument: str, middle: Decimal, tick: Decimal) -> Intents:
    """An order at the best price of its side: to sell what it holds, else to buy."""
    if strategy.position(instrument):
        style = OrderStyle(type=OrderType.LIMIT, limit_price=middle + tick)
        return strategy.flat(instrument, style=style)
    return strategy.long(instrument, style=OrderStyle(type=OrderType.LIMIT, limit_price=middle - tick))
