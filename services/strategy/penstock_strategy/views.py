"""Bars and rows as a strategy sees them: light views of one row of a message's columns."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from penstock_contracts.features import FeatureBars, FeatureRows
from penstock_kernel.money import from_scaled

Names = dict[str, str]
"""What the strategy calls a feature -> the column's name in the message."""


REGIMES = ("range", "trend", "volatile")
"""By the value of the feature `regime`."""


class Columns:
    """The columns of one message as Python lists, each made when it is first read."""

    def __init__(self, message: FeatureBars | FeatureRows) -> None:
        self.message: Any = message
        self.is_bars = isinstance(message, FeatureBars)
        self.instrument: str = message.instrument
        self.ts: list[int] = message.ts.tolist()
        self._exact: dict[str, list[int]] = {}
        self._floats: dict[str, list[float]] = {}
        self.features: dict[str, list[float]] = {}
        """Those that were read, by column."""
        self.kept: dict[tuple[str, str], Any] = {}
        """What strategies made of the whole message, by strategy and name."""

    def exact(self, name: str) -> list[int]:
        """A column of scaled integers."""
        values = self._exact.get(name)
        if values is None:
            values = self._exact[name] = getattr(self.message, name).tolist()
        return values

    def floats(self, name: str, scale: int) -> list[float]:
        """The floats nearest to a column of scaled integers."""
        values = self._floats.get(name)
        if values is None:
            unit = 10**scale
            values = self._floats[name] = [value / unit for value in self.exact(name)]
        return values

    def plain(self, name: str) -> list[float]:
        """A column of floats."""
        values = self._floats.get(name)
        if values is None:
            values = self._floats[name] = getattr(self.message, name).tolist()
        return values

    def feature(self, name: str) -> list[float]:
        """A feature's column."""
        values = self.features.get(name)
        if values is None:
            index = self.message.names.index(name)
            values = self.features[name] = self.message.values[:, index].tolist()
        return values

    def tag(self, column: str, row: int) -> str | None:
        """The regime that a column has in a row; None while it warms up, and where there is none."""
        names = self.message.names
        if column not in names:
            return None
        value = self.message.values.item(row, names.index(column))
        return REGIMES[int(value)] if value == value else None  # noqa: PLR0124  (NaN)


class _View:
    """One row, with its features by the names that the strategy gave them: `row["fast"]`."""

    __slots__ = ("_columns", "_names", "_row")

    def __init__(self, columns: Columns, names: Names, row: int) -> None:
        self._columns = columns
        self._names = names
        self._row = row

    @property
    def instrument(self) -> str:
        """The instrument's key."""
        return self._columns.instrument

    @property
    def ts(self) -> int:
        """Event time, ns UTC; of a bar its end."""
        return self._columns.ts[self._row]

    def __getitem__(self, name: str) -> float:
        """A declared feature; NaN while it warms up. KeyError for one that was not declared."""
        column = self._names[name]
        columns = self._columns
        return (columns.features.get(column) or columns.feature(column))[self._row]

    @property
    def set_version(self) -> str:
        """Version of the feature set that its values are of."""
        return str(self._columns.message.set_version)

    def features(self) -> Iterator[tuple[str, float]]:
        """All declared features of the row."""
        return ((name, self[name]) for name in self._names)

    def tag(self, column: str) -> str | None:
        """The regime in a column of the features service; None while it warms up, and where there is none."""
        return self._columns.tag(column, self._row)

    def _price(self, name: str) -> float:
        return self._columns.floats(name, self._columns.message.price_scale)[self._row]

    def _size(self, name: str) -> float:
        return self._columns.floats(name, self._columns.message.size_scale)[self._row]


class Bar(_View):
    """A complete bar. Prices and volume are floats for arithmetic; the exact decimals are beside them."""

    __slots__ = ()

    @property
    def interval(self) -> int:
        """Length of the bar, ns."""
        return int(self._columns.message.interval)

    @property
    def open(self) -> float:
        """First price."""
        return self._price("open")

    @property
    def high(self) -> float:
        """Highest price."""
        return self._price("high")

    @property
    def low(self) -> float:
        """Lowest price."""
        return self._price("low")

    @property
    def close(self) -> float:
        """Last price."""
        return self._price("close")

    @property
    def volume(self) -> float:
        """Amount traded, in the instrument's volume unit."""
        return self._size("volume")

    @property
    def trades(self) -> int:
        """Number of trades, -1 where unknown."""
        return self._columns.exact("trades")[self._row]

    @property
    def vwap(self) -> float:
        """Volume-weighted price, NaN where unknown."""
        return self._columns.plain("vwap")[self._row]

    @property
    def flags(self) -> int:
        """Bits of `RowFlag`: late data, a partial or an empty bar."""
        return self._columns.exact("flags")[self._row]

    @property
    def price(self) -> Decimal:
        """The close, exactly."""
        return from_scaled(self._columns.exact("close")[self._row], self._columns.message.price_scale)


class Row(_View):
    """A trade, or a quote by its middle, with its features."""

    __slots__ = ()

    @property
    def trigger(self) -> str:
        """`trade` or `quote`."""
        return str(self._columns.message.trigger)

    @property
    def value(self) -> float:
        """The price as a float."""
        return self._price("price")

    @property
    def size(self) -> float:
        """Size of the trade, or of both sides of the quote."""
        return self._size("size")

    @property
    def side(self) -> int:
        """Aggressor of a trade: +1 buy, -1 sell, 0 unknown."""
        return self._columns.exact("side")[self._row]

    @property
    def price(self) -> Decimal:
        """The price, exactly."""
        return from_scaled(self._columns.exact("price")[self._row], self._columns.message.price_scale)
