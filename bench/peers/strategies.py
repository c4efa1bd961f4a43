"""The strategy that is called on every trade. `peer_nautilus.py` has the same for NautilusTrader."""

from dataclasses import dataclass, field

from penstock_strategy import Intents, Needs, Parameters, Row, Strategy
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
