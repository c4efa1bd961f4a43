"""Top-of-book quotes of one invented symbol: ten a second around the path that its trades follow."""

import numpy as np
from penstock_contracts.market import QuoteBatch

from penstock_ingest.config import SyntheticConfig
from penstock_ingest.quotes import RawQuotes, quote_table
from penstock_ingest.synthetic.feed import SyntheticFeed
from penstock_ingest.synthetic.market import SPREAD_HALF, SymbolMarket, rounded, typical_size
from penstock_ingest.synthetic.walk import BLOCK_NS, STEP_NS, STEPS_PER_BLOCK, generator
from penstock_ingest.table import Table


class SymbolQuotes:
    """The quotes of one symbol, block by block; its trades are the same with and without them."""

    def __init__(self, config: SyntheticConfig, symbol: str) -> None:
        # The same market once more: quotes need its path, and trades must not depend on them.
        self._market = SymbolMarket(config, symbol)
        self._rng = generator(config.seed, "quotes", symbol)
        self._next = config.start

    @property
    def decimals(self) -> tuple[int, int]:
        """Of prices and of sizes."""
        return self._market.price_decimals, self._market.size_decimals

    def next_block(self) -> RawQuotes:
        """The next 10 s: a quote at the beginning of each step of the path."""
        self._market.next_block()
        first, self._next = self._next, self._next + BLOCK_NS
        path = self._market.path
        price, size = self.decimals
        bid = rounded(path * (1.0 - SPREAD_HALF), price)
        ask = np.maximum(rounded(path * (1.0 + SPREAD_HALF), price), rounded(bid + 10.0**-price, price))
        sizes = (0.5 + self._rng.random((2, STEPS_PER_BLOCK)) * 4.0) * typical_size(float(path[0]))
        return RawQuotes(
            # On its very start it would lie outside the session's first interval.
            ts=first + np.arange(STEPS_PER_BLOCK, dtype=np.int64) * STEP_NS + 1,
            bid=bid,
            ask=ask,
            bid_size=rounded(sizes[0], size),
            ask_size=rounded(sizes[1], size),
            verdict=np.zeros(STEPS_PER_BLOCK, dtype=np.int8),
        )


class SyntheticQuotes(SyntheticFeed):
    """A feed over the quotes of one symbol."""

    makes = QuoteBatch

    def _open_market(self) -> None:
        self._quotes = SymbolQuotes(self._config, self._symbol)

    def _next_table(self) -> Table:
        table, _ = quote_table(self._quotes.next_block(), self._rules_of(*self._quotes.decimals), None)
        return table
