"""The feed of one invented symbol: endless, made in blocks of 10 s, the same however it is read."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from penstock_contracts.base import Message, first_type_of
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import TradeBatch
from penstock_kernel.money import unit

from penstock_ingest.config import SyntheticConfig
from penstock_ingest.feed import BULK_ROWS, TableFeed
from penstock_ingest.instruments import FEE_MAKER, FEE_TAKER, SYNTHETIC
from penstock_ingest.names import from_symbol
from penstock_ingest.quarantine import SAMPLES_MAX, Previous, QuarantinedRow
from penstock_ingest.synthetic.faults import Injector
from penstock_ingest.synthetic.market import SymbolMarket, price_decimals, size_decimals
from penstock_ingest.table import RawTrades, Rules, Table, sampled, trade_table


def instrument_values(config: SyntheticConfig, symbol: str) -> dict[str, Any]:
    """The fields of an invented instrument."""
    named = from_symbol(symbol)
    start = float(config.symbols[symbol])
    return {
        "instrument": f"{symbol}.{SYNTHETIC}",
        "kind": named.kind,
        "base": named.base,
        "quote": named.quote,
        "settlement": named.settlement,
        "price_decimals": price_decimals(start),
        "size_decimals": size_decimals(start),
        "tick_size": unit(price_decimals(start)),
        "lot_size": unit(size_decimals(start)),
        "fee_taker": FEE_TAKER,
        "fee_maker": FEE_MAKER,
    }


class SyntheticFeed:
    """A feed over the blocks of one symbol. `seek` makes the market again from its start."""

    makes: type[Message] | None = TradeBatch
    bar_interval: int | None = None

    def __init__(
        self,
        name: str,
        instrument: Instrument,
        config: SyntheticConfig,
        symbol: str,
        rules: Rules,
        batch_rows: int,
    ) -> None:
        self.name = name
        self.instrument = instrument
        self._config = config
        self._symbol = symbol
        self._rules = rules
        self._batch_rows = batch_rows
        self._begin()

    @property
    def market(self) -> tuple[SyntheticConfig, str]:
        """What is invented, and which symbol of it this is."""
        return self._config, self._symbol

    def _begin(self) -> None:
        self._open_market()
        self._rows_before = 0
        self._released_before = 0
        self._quarantined_before: Counter[str] = Counter()
        self._samples: list[QuarantinedRow] = []
        self._block = self._made()

    def _open_market(self) -> None:
        """Begin the market again."""
        symbols = list(self._config.symbols)
        self._market = SymbolMarket(self._config, self._symbol)
        self._injector = Injector(self._config.malformed, symbols.index(self._symbol), len(symbols))
        self._previous: Previous | None = None

    def _next_table(self) -> Table:
        """The next block that has a row."""
        while True:
            raw = self._injector.inject(self._market.next_block())
            if len(raw.ts):
                break
        rules = self._rules_of(self._market.price_decimals, self._market.size_decimals)
        table, _ = trade_table(raw, rules, self._previous)
        table.samples = _texts(raw, table)
        last_price = int(table.columns["price"][-1]) / 10**self._market.price_decimals
        self._previous = Previous(int(table.ts[-1]), last_price)
        return table

    def _rules_of(self, price_decimals: int, size_decimals: int) -> Rules:
        return Rules(self._rules.price_jump_max, price_decimals, size_decimals)

    def _made(self) -> TableFeed:
        table = self._next_table()
        return TableFeed(
            self.name, self.instrument, table, self._rows_before + 1 + table.bad_row, self._batch_rows
        )

    def _ready(self) -> TableFeed:
        """The block with the next row, made when the one before it is through."""
        if self._block.next_time() is None:
            self._samples = (self._samples + self._block.take_quarantined())[:SAMPLES_MAX]
            self._rows_before += self._block.position
            self._released_before += self._block.released
            self._quarantined_before += self._block.quarantined
            self._block = self._made()
        return self._block

    @property
    def position(self) -> int:
        return self._rows_before + self._block.position

    @property
    def released(self) -> int:
        return self._released_before + self._block.released

    @property
    def quarantined(self) -> Counter[str]:
        return self._quarantined_before + self._block.quarantined

    def next_time(self) -> int | None:
        return self._ready().next_time()

    def last_time(self) -> int | None:
        return None

    def read_until(self, ts: int) -> list[Message]:
        messages: list[Message] = []
        while (due := self.next_time()) is not None and due <= ts:
            messages += self._block.read_until(ts)
        return messages

    def columns(self, until: int | None = None, rows: int = BULK_ROWS) -> Iterator[Message]:
        if until is None:
            raise ValueError(f"{self.name} has no end: say until when")
        held: list[Any] = []
        while (due := self.next_time()) is not None and due <= until:
            held += self._block.columns(until, rows)
            if sum(len(batch.ts_init) for batch in held) >= rows:
                yield _joined(held)
                held = []
        if held:
            yield _joined(held)

    def seek(self, position: int) -> None:
        self._begin()
        while self._rows_before + self._block.rows < position:
            self._block.skip(self._block.rows_good)
            self._ready()
        self._block.seek(position - self._rows_before)
        self._samples = []

    def skip(self, rows: int) -> None:
        while rows:
            block = self._ready()
            some = min(rows, block.rows_good - block.released)
            block.skip(some)
            rows -= some

    def take_quarantined(self) -> list[QuarantinedRow]:
        samples = (self._samples + self._block.take_quarantined())[:SAMPLES_MAX]
        self._samples = []
        return samples


def _joined(parts: list[Any]) -> Message:
    first = parts[0]
    names = [name for name, _ in first_type_of(type(first)).columns]
    return type(first)(
        instrument=first.instrument,
        source=first.source,
        price_scale=first.price_scale,
        size_scale=first.size_scale,
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
    )


def _texts(raw: RawTrades, table: Table) -> dict[int, str]:
    return {
        at: f"{raw.ts[at]},{raw.price[at]},{raw.size[at]},{raw.side[at]},{raw.trade_id[at].decode()}"
        for at in sampled(table)
    }
