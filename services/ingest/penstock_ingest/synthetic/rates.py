"""Rates of exchange from an invented symbol: what its market stands at, now and then."""

from collections import Counter
from collections.abc import Iterator

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import Rate
from penstock_kernel.money import from_scaled

from penstock_ingest.config import SyntheticConfig
from penstock_ingest.feed import BULK_ROWS
from penstock_ingest.quarantine import QuarantinedRow
from penstock_ingest.synthetic.market import SymbolMarket
from penstock_ingest.synthetic.walk import BLOCK_NS, STEP_NS


class SyntheticRates:
    """An endless feed of rates: one as the market begins, then one at each multiple of a distance.

    It makes the symbol's market once more and reads its path, so the trades are the same with and without it.
    """

    makes: type[Message] | None = None
    bar_interval: int | None = None

    def __init__(
        self,
        name: str,
        instrument: Instrument,
        config: SyntheticConfig,
        symbol: str,
        pair: Instrument,
        every: int,
    ) -> None:
        """Rates of `pair`, which come with `instrument`, every so many ns."""
        self.name = name
        self.instrument = instrument
        self._config, self._symbol = config, symbol
        self._pair, self._every = pair, every
        self._begin()

    def _begin(self) -> None:
        self._market = SymbolMarket(self._config, self._symbol)
        self._block_end = self._config.start
        # On its very start it would lie outside the session's first interval.
        self._due = self._config.start + 1
        self._released = 0

    @property
    def position(self) -> int:
        return self._released

    @property
    def released(self) -> int:
        return self._released

    @property
    def quarantined(self) -> Counter[str]:
        return Counter()

    def next_time(self) -> int | None:
        return self._due

    def last_time(self) -> int | None:
        return None

    def read_until(self, ts: int) -> list[Message]:
        found: list[Message] = []
        while self._due <= ts:
            found.append(self._rate(self._due))
            self._pass()
        self._advance(ts)  # a little each time: the next rate may be an hour of market away
        return found

    def _pass(self) -> None:
        self._due = (self._due // self._every + 1) * self._every
        self._released += 1

    def _advance(self, ts: int) -> None:
        while self._block_end < ts:
            self._market.next_block()
            self._block_end += BLOCK_NS

    def _rate(self, ts: int) -> Rate:
        self._advance(ts)
        decimals = self._market.price_decimals
        price = self._market.path[(ts - 1 - (self._block_end - BLOCK_NS)) // STEP_NS]
        return Rate(
            base=self._pair.base,
            quote=self._pair.quote,
            source=self.name,
            ts_event=ts,
            ts_init=ts,
            rate=from_scaled(max(round(float(price) * 10**decimals), 1), decimals),
        )

    def columns(self, until: int | None = None, rows: int = BULK_ROWS) -> Iterator[Message]:
        if until is None:
            raise ValueError(f"{self.name} has no end: say until when")
        yield from self.read_until(until)

    def seek(self, position: int) -> None:
        self._begin()
        self.skip(position)

    def skip(self, rows: int) -> None:
        for _ in range(rows):
            self._pass()

    def take_quarantined(self) -> list[QuarantinedRow]:
        return []
