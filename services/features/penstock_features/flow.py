"""What trades and quotes say beside their price: VWAP, spread, and imbalances of book and trade flow."""

from dataclasses import dataclass, field
from math import fsum, nan

from penstock_features.indicators import PERIOD
from penstock_features.registry import Rows, feature


@feature("vwap", on=("bar", "trade"), inputs=("size", "weight_price"), period=PERIOD)
@dataclass(slots=True)
class Vwap:
    """Volume-weighted price of the last `period` rows; NaN without volume. Warms up for `period` - 1 rows.

    A bar counts with its own volume-weighted price, or its typical price (high + low + close) / 3 where the
    source gives none.
    """

    period: int
    amounts: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def column(self, rows: Rows) -> list[float]:
        """One value a row."""
        result = []
        for price, size in zip(rows.weight_price, rows.size, strict=True):
            self.amounts.append(size)
            self.values.append(price * size if size else 0.0)
            result.append(self._value())
        return result

    def _value(self) -> float:
        if len(self.amounts) < self.period:
            return nan
        total = fsum(self.amounts)
        value = fsum(self.values) / total if total else nan
        del self.amounts[0], self.values[0]
        return value


@feature("spread_bps", on=("quote",), inputs=("bid", "ask"))
@dataclass(slots=True)
class SpreadBps:
    """Ask minus bid, in basis points of the middle. No warm-up."""

    def column(self, rows: Rows) -> list[float]:
        """One value a quote."""
        return [
            (ask - bid) / ((ask + bid) / 2.0) * 10_000.0 for bid, ask in zip(rows.bid, rows.ask, strict=True)
        ]


@feature("book_imbalance", on=("quote",), inputs=("bid_size", "ask_size"), period=PERIOD)
@dataclass(slots=True)
class BookImbalance:
    """Mean over the last `period` quotes of (bid size - ask size) / (bid size + ask size): -1 to 1.

    A quote without sizes does not count; NaN until `period` have.
    """

    period: int
    window: list[float] = field(default_factory=list)

    def column(self, rows: Rows) -> list[float]:
        """One value a quote."""
        result = []
        for bid, ask in zip(rows.bid_size, rows.ask_size, strict=True):
            if bid and ask:
                self.window.append((bid - ask) / (bid + ask))
                del self.window[: -self.period]
            result.append(fsum(self.window) / self.period if len(self.window) == self.period else nan)
        return result


@feature("flow_imbalance", on=("trade",), inputs=("size", "side"), period=PERIOD)
@dataclass(slots=True)
class FlowImbalance:
    """(bought - sold) / (bought + sold) by aggressors in the last `period` trades: -1 to 1.

    A trade whose side is unknown does not count; NaN until `period` have.
    """

    period: int
    window: list[float] = field(default_factory=list)
    """Sizes, those sold negative."""

    def column(self, rows: Rows) -> list[float]:
        """One value a trade."""
        result = []
        for side, size in zip(rows.side, rows.size, strict=True):
            if side and size:
                self.window.append(side * size)
                del self.window[: -self.period]
            ready = len(self.window) == self.period
            result.append(fsum(self.window) / fsum([abs(each) for each in self.window]) if ready else nan)
        return result
