"""What live execution needs of the market: marks, the last price of each instrument, definitions.

Read without counting: only the newest matters. Whose epoch counts is known from the claims, which the reader
of `ctl` hands over; a mark that comes before its writer's claim waits for it.
"""

from collections.abc import Callable
from decimal import Decimal

from penstock_contracts import subjects
from penstock_contracts.base import Message
from penstock_contracts.control import Claim
from penstock_contracts.features import Prices
from penstock_contracts.market import InstrumentDefined, Mark
from penstock_kernel.counting import Counter
from penstock_runtime import edge
from penstock_runtime.log import Delivered, Log
from penstock_runtime.log.consumer import OrderedConsumer

from penstock_execution.live.guard import EgressGuard

_BACK = 1_000
"""Messages before the last mark where reading begins: one `done` covers all marks before it."""
_HALF = Decimal("0.5")
_KINDS = frozenset({"mark", "price", "instrument"})


class MarketWatch:
    """Follows the marks and prices of one session from near the log's end."""

    def __init__(
        self,
        log: Log,
        wake: Callable[[], None],
        on_mark: Callable[[Mark, Delivered], None],
        guard: EgressGuard,
    ) -> None:
        self._log = log
        self._wake = wake
        self._on_mark = on_mark
        self._guard = guard
        self._ingest = Counter("ingest")
        self._genesis = 0
        self._consumer: OrderedConsumer | None = None
        self._early: list[Delivered] = []

    def begin(self, genesis: int) -> None:
        """The session that is followed."""
        self._genesis = self._ingest.epoch = genesis

    async def start(self, mark: int) -> None:
        """Begin to read; `mark` is the last interval that is ended already."""
        partition = self._log.partition
        filters = [
            f"p{partition}.md.*.mark.>",
            f"p{partition}.feat.*.price.>",
            f"p{partition}.feat.*.instrument.>",
            f"p{partition}.feat.*.done.>",  # a frame that carries prices ends with one
        ]
        first = self._genesis
        if mark:
            last = await edge.last_sequence_of(self._log, subjects.subject(partition, "md", 1, "mark"))
            first = max(first, last - _BACK)
        self._consumer = await self._log.consumer(filters, self._wake)
        await self._consumer.start(first, "")

    def claimed(self, sequence: int, claim: Claim) -> None:
        """Somebody claims; only the market data's writer matters here."""
        if self._ingest.claim(sequence, claim):
            early, self._early = self._early, []
            for delivered in early:
                self._take(delivered)

    def hear(self) -> None:
        """Take what has come."""
        consumer = self._consumer
        while consumer is not None and (raw := consumer.take()) is not None:
            for delivered in Delivered.all_of(raw):
                self._take(delivered)

    def _take(self, delivered: Delivered) -> None:
        origin = delivered.origin
        if origin is None or delivered.kind not in _KINDS:  # a frame brings more than was asked for
            return
        if delivered.kind == "mark":
            if origin.epoch == self._ingest.epoch:
                self._on_mark(delivered.decode(), delivered)
            elif origin.epoch > self._ingest.epoch:
                self._early.append(delivered)
        elif origin.producer == "features" and origin.epoch == self._genesis:
            self._features(delivered.decode())

    def _features(self, message: Message) -> None:
        if isinstance(message, InstrumentDefined):
            self._guard.define(message.instrument)
        elif isinstance(message, Prices):
            for row, which in enumerate(message.index.tolist()):
                price = _price(message, row)
                if price:
                    self._guard.price(message.instruments[which], price.scaleb(-message.scales[which]))


def _price(prices: Prices, row: int) -> Decimal:
    """The last price, scaled; without one the middle of the quote, 0 without either."""
    last, bid, ask = prices.last.item(row), prices.bid.item(row), prices.ask.item(row)
    if last:
        return Decimal(last)
    return (Decimal(bid) + Decimal(ask)) * _HALF if bid and ask else Decimal(0)
