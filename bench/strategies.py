"""A strategy that trades by the clock of its trades: orders at a known rate, whatever the prices do."""

from dataclasses import dataclass, field

from penstock_strategy import Intents, Needs, Parameters, Row, Strategy
from pydantic import Field


class EveryNthParameters(Parameters):
    """How often it trades."""

    every: int = Field(default=100, ge=1, description="Trades of an instrument between two of its signals.")
    first: int = Field(default=0, ge=0, description="Trades of an instrument before it begins.")
    notional: int = Field(default=500, ge=1, description="Size of the position, in quote currency.")


@dataclass(slots=True)
class EveryNthState:
    """Per instrument: trades seen."""

    seen: dict[str, int] = field(default_factory=dict)


class EveryNth(Strategy[EveryNthParameters, EveryNthState]):
    """Long at every n-th trade of an instrument, flat at the next n-th."""

    def declare(self) -> Needs:
        """A row per trade, without features."""
        return Needs(rows=self.trades())

    def on_row(self, row: Row) -> Intents:
        """Turn when the count is full, unless an order of the last turn still works."""
        seen = self.state.seen
        instrument = row.instrument
        count = seen[instrument] = seen.get(instrument, 0) + 1
        waits = count <= self.parameters.first or count % self.parameters.every
        if waits or self.context.book.busy(instrument):
            return None
        if self.position(instrument):
            return self.flat(instrument)
        return self.long(instrument, notional=self.parameters.notional)
