"""The strategies of the load: whatever the prices do, orders work, end, and are replaced.

A kill proves something when it hits an order that works. So nothing here waits for a signal from the prices:
`Turner` turns around again as soon as it has turned, `Rester` always has a limit order out of the market's
reach, and takes it back for another now and then. What rests would have turns in the same instrument refused,
so of several instruments the last is for resting, the others are for turning.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from penstock_strategy import Bar, Intents, Needs, NoState, Parameters, Strategy, limit
from pydantic import Field


class TurnerParameters(Parameters):
    """How much it turns."""

    fraction: Decimal = Field(default=Decimal("0.05"), gt=0, le=1, description="Fraction of its capital.")


class Turner(Strategy[TurnerParameters, NoState]):
    """Long, short, long, each time as soon as the turn before is filled."""

    def declare(self) -> Needs:
        """Bars, without features."""
        bars = self.bars()
        return Needs(bars=bars[:-1] or bars)

    def on_bar(self, bar: Bar) -> Intents:
        """Turn, unless the last turn still works."""
        if self.context.book.busy(bar.instrument):
            return None
        turn = self.short if self.position(bar.instrument) > 0 else self.long
        return turn(bar.instrument, fraction=self.parameters.fraction)


class ResterParameters(Parameters):
    """How long it rests, and how far from the market."""

    bars: int = Field(default=7, ge=1, description="Bars after which it takes its order back for another.")
    away: Decimal = Field(
        default=Decimal("0.2"), gt=0, lt=1, description="Below the price, as a share of it."
    )
    fraction: Decimal = Field(default=Decimal("0.01"), gt=0, le=1, description="Fraction of its capital.")


@dataclass(slots=True)
class ResterState:
    """Per instrument: bars seen."""

    seen: dict[str, int] = field(default_factory=dict)


class Rester(Strategy[ResterParameters, ResterState]):
    """A limit order that is never reached, replaced every few bars: cancels, and orders that end unfilled."""

    def declare(self) -> Needs:
        """Bars, without features."""
        return Needs(bars=self.bars()[-1:])

    def on_bar(self, bar: Bar) -> Intents:
        """Rest anew when the time has come or nothing rests; the signal takes the order before it back."""
        seen = self.state.seen
        count = seen[bar.instrument] = seen.get(bar.instrument, -1) + 1
        if count % self.parameters.bars and self.context.book.busy(bar.instrument):
            return None
        price = self._below(bar)
        return self.long(bar.instrument, fraction=self.parameters.fraction, style=limit(price))

    def _below(self, bar: Bar) -> Decimal:
        price = self.price(bar.instrument)
        assert price is not None, "a bar has a price"
        below = price * (1 - self.parameters.away)
        tick = self.definition(bar.instrument).tick_size
        return below // tick * tick if tick else below.quantize(price)
