"""What a strategy may know beside the rows that it is shown. Owned and kept current by its host."""

from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_kernel.session import SessionConfig, StrategySpec

from penstock_strategy.book import Book
from penstock_strategy.views import Bar, Row


class Context:
    """One strategy's surroundings: its instruments, its capital, the event time and its own book."""

    __slots__ = (
        "at", "book", "capital", "cold", "currency", "definitions", "feature_sets", "instruments",
        "interval", "name", "prices", "regime_column", "regimes", "row",
    )  # fmt: skip

    def __init__(self, spec: StrategySpec, session: SessionConfig) -> None:
        self.name = spec.name
        self.instruments: tuple[str, ...] = spec.instruments
        self.interval: int = spec.interval
        self.capital: Decimal = session.capital * spec.capital_fraction
        self.currency: str = session.currency
        self.definitions: dict[str, Instrument] = {
            key: session.by_key[key] for key in spec.instruments if key in session.by_key
        }
        self.at: int = session.start
        """Event time when there is no row."""
        self.row: Bar | Row | None = None
        """The bar or row that it reacts to."""
        self.book = Book()
        self.cold: dict[str, int] = {}
        """Instrument -> bars until its signals pass; those that are warm are not in it."""
        self.prices: dict[str, Decimal] = {}
        """Last price seen of each instrument, that of the current row apart."""
        self.feature_sets = {each.name: each for each in session.feature_sets}
        self.regime_column = session.regime.column if session.regime is not None else ""
        self.regimes: dict[str, str] = {}
        """Regime of each instrument as of its last bar, that of the current row apart."""

    @property
    def now(self) -> int:
        """Event time."""
        return self.row.ts if self.row is not None else self.at

    def price(self, instrument: str) -> Decimal | None:
        """Last price seen of an instrument, that of the current row included."""
        if self.row is not None and self.row.instrument == instrument:
            return self.row.price
        return self.prices.get(instrument)

    def regime(self, instrument: str) -> str | None:
        """The regime that an instrument's market is in; None while that is not known."""
        if self.row is not None and self.row.instrument == instrument:
            regime = self.row.tag(self.regime_column)
            if regime is not None:
                return regime
        return self.regimes.get(instrument)
