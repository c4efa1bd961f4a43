"""The market for display: prices from the log, and trades, quotes, books and features as they pass by.

What passes by is best effort. It is heard only while somebody watches, books apart: they cannot be joined in
the middle. What comes faster than it is looked at is dropped, the oldest first, and a book of which something
was dropped is unknown until its next snapshot.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from penstock_contracts import codec, frames, subjects
from penstock_contracts.base import Message
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.features import FeatureBars, FeatureRows, Prices
from penstock_contracts.market import BookBatch, Gap, QuoteBatch, TradeBatch
from penstock_contracts.types import RowFlag
from penstock_kernel.book import BookSide, OrderBook
from penstock_kernel.money import from_scaled
from pydantic_core import to_json

_log = structlog.get_logger(__name__)

TAPE_ROWS = 25
DEPTH = 10
WAITING_MAX = 1_024
"""Messages that may wait to be looked at."""
INSTRUMENTS_MAX = 500
_KINDS = frozenset({"trade", "quote", "book", "gap", "bar", "row"})
_SIDES = {1: "buy", -1: "sell"}


@dataclass(slots=True)
class InstrumentMarket:
    """An instrument as it is shown."""

    instrument: str
    version: int = 0
    ts: int = 0
    last: Any = None
    bid: Any = None
    ask: Any = None
    bid_size: Any = None
    ask_size: Any = None
    tape: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=TAPE_ROWS))
    book: OrderBook | None = None
    features: dict[str, float | None] = field(default_factory=dict)
    features_ts: int = 0
    _text: tuple[int, str] = (-1, "")

    @property
    def text(self) -> str:
        """As JSON; made once a version."""
        if self._text[0] != self.version:
            names = (
                "instrument",
                "ts",
                "last",
                "bid",
                "ask",
                "bid_size",
                "ask_size",
                "features",
                "features_ts",
            )
            shown = {name: getattr(self, name) for name in names}
            shown["tape"] = list(self.tape)
            shown["book"] = _book(self.book)
            self._text = (self.version, to_json(shown, inf_nan_mode="null").decode())
        return self._text[1]


class MarketBoard:
    """The market of every instrument."""

    def __init__(self) -> None:
        self.instruments: dict[str, InstrumentMarket] = {}
        self.version = 0
        """Grows with each change; an instrument's version is that of its last one."""
        self.dropped = 0
        """Messages that were not looked at."""
        self.watched = False
        """Whether anything but books is taken."""
        self._waiting: deque[tuple[str, bytes, bytes]] = deque()

    def heard(self, subject: str, _reply: str, block: bytes, payload: bytes) -> None:
        """Keep a message that passes by for later; called from the connection's parser."""
        kind = subject.split(".", 4)[3]
        if kind == "book" or (self.watched and (kind in _KINDS or frames.is_frame(block))):
            self._waiting.append((subject, block, payload))
            if len(self._waiting) > WAITING_MAX:
                self._drop()

    def take_prices(self, message: Prices) -> None:
        """Take the prices of a mark: where an instrument has neither trades nor quotes, all there is."""
        self.version += 1
        for row, index in enumerate(message.index.tolist()):
            market = self._of(message.instruments[index])
            if market is None:
                continue
            scale = message.scales[index]
            bid, ask = int(message.bid[row]), int(message.ask[row])
            market.ts = int(message.ts[row])
            market.last = from_scaled(int(message.last[row]), scale)
            market.bid = from_scaled(bid, scale) if bid else None
            market.ask = from_scaled(ask, scale) if ask else None

    def look(self) -> None:
        """Work through what was heard."""
        waiting, self._waiting = self._waiting, deque()
        if waiting:
            self.version += 1
        for subject, block, payload in waiting:
            try:
                parts = frames.unpack(payload, frames.count_in(block)) if frames.is_frame(block) else None
                for each, _, data in parts or ((subject, block, payload),):
                    self._look_at(each, data)
            except UnreadableMessage as error:
                self.dropped += 1
                _log.debug("unreadable_for_display", subject=subject, error=str(error))

    def _look_at(self, subject: str, data: bytes) -> None:
        parsed = subjects.parse(subject)
        if parsed is None or parsed.kind not in _KINDS:
            return
        message: Message = codec.decode(parsed.family, parsed.kind, parsed.major, data)
        take = _TAKES.get(type(message))
        if take is not None and message.instrument is not None:
            market = self._of(message.instrument)
            if market is not None:
                take(market, message)

    def _of(self, instrument: str) -> InstrumentMarket | None:
        market = self.instruments.get(instrument)
        if market is None:
            if len(self.instruments) >= INSTRUMENTS_MAX:
                return None
            market = self.instruments[instrument] = InstrumentMarket(instrument)
        market.version = self.version
        return market

    def _drop(self) -> None:
        subject, block, _ = self._waiting.popleft()
        self.dropped += 1
        parsed = subjects.parse(subject)
        if parsed is not None and parsed.kind == "book" and not frames.is_frame(block):
            market = self.instruments.get(f"{parsed.instrument}.{parsed.venue}")
            if market is not None and market.book is not None:
                market.book.gap()


def _trades(market: InstrumentMarket, message: TradeBatch) -> None:
    rows = len(message.price)
    for row in range(max(0, rows - TAPE_ROWS), rows):
        market.tape.append(
            {
                "ts": int(message.ts_event[row]),
                "price": from_scaled(int(message.price[row]), message.price_scale),
                "size": from_scaled(int(message.size[row]), message.size_scale),
                "side": _SIDES.get(int(message.side[row])),
            }
        )
    if rows:
        market.ts, market.last = int(message.ts_init[-1]), market.tape[-1]["price"]


def _quotes(market: InstrumentMarket, message: QuoteBatch) -> None:
    if not len(message.bid):
        return
    price, size = message.price_scale, message.size_scale
    market.ts = int(message.ts_init[-1])
    market.bid, market.ask = (
        from_scaled(int(message.bid[-1]), price),
        from_scaled(int(message.ask[-1]), price),
    )
    bid_size, ask_size = int(message.bid_size[-1]), int(message.ask_size[-1])
    market.bid_size = from_scaled(bid_size, size) if bid_size else None
    market.ask_size = from_scaled(ask_size, size) if ask_size else None


def _book_changes(market: InstrumentMarket, message: BookBatch) -> None:
    if market.book is None:
        market.book = OrderBook()
    market.book.apply(message)


def _gap(market: InstrumentMarket, message: Gap) -> None:
    if message.book and market.book is not None:
        market.book.gap()


def _features(market: InstrumentMarket, message: FeatureBars | FeatureRows) -> None:
    if not len(message.ts):
        return
    if isinstance(message, FeatureBars) and int(message.flags[-1]) & RowFlag.PARTIAL:
        return
    values = message.values[-1].tolist()
    market.features_ts = int(message.ts[-1])
    market.features.update(
        {
            name: value if math.isfinite(value) else None
            for name, value in zip(message.names, values, strict=True)
        }
    )


def _book(book: OrderBook | None) -> dict[str, Any] | None:
    """The best levels, best first; None where the book is not known."""
    if book is None or not book.usable:
        return None

    def levels(side: BookSide) -> list[tuple[Any, Any]]:
        return [
            (from_scaled(price, book.price_scale), from_scaled(size, book.size_scale))
            for price, size in side.levels(DEPTH)
        ]

    return {"ts": book.ts, "bids": levels(book.bids), "asks": levels(book.asks)}


_TAKES: dict[type, Callable[[InstrumentMarket, Any], None]] = {
    TradeBatch: _trades,
    QuoteBatch: _quotes,
    BookBatch: _book_changes,
    Gap: _gap,
    FeatureBars: _features,
    FeatureRows: _features,
}
