"""Instruments, and their market now."""

from typing import Any

from penstock_contracts.instrument import Instrument
from penstock_kernel.book import BookSide, OrderBook
from penstock_kernel.money import from_scaled

from penstock_api.replica import Replica
from penstock_api.views.base import Amount, View, view_of
from penstock_api.views.money import PriceAnswer


class InstrumentAnswer(View):
    """An instrument as it is defined now, and its last price."""

    definition: Instrument
    price: PriceAnswer | None


class Level(View):
    """A level of a book."""

    price: Amount
    size: Amount


class BookAnswer(View):
    """The best levels of a book, best first."""

    instrument: str
    usable: bool
    """False while the book is not known: before its first snapshot, and after a gap until the next."""
    ts: int | None
    bids: list[Level]
    asks: list[Level]


class FeatureAnswer(View):
    """Features of an instrument as they were computed last, null while they warm up."""

    ts: int
    trigger: str
    interval: int | None
    set_version: str
    values: dict[str, float | None]


def instrument_of(replica: Replica, key: str) -> InstrumentAnswer | None:
    """An instrument, or None for one that the session does not have."""
    definition = replica.instruments.get(key)
    if definition is None:
        return None
    price = replica.prices.get(key)
    return InstrumentAnswer(
        definition=definition, price=None if price is None else view_of(PriceAnswer, price)
    )


def book_of(key: str, book: OrderBook | None, depth: int) -> BookAnswer:
    """A book as an answer; an empty one that is not usable where none is known."""
    if book is None or not book.usable:
        return BookAnswer(instrument=key, usable=False, ts=None, bids=[], asks=[])

    def levels(side: BookSide) -> list[Level]:
        return [
            Level(price=from_scaled(price, book.price_scale), size=from_scaled(size, book.size_scale))
            for price, size in side.levels(depth)
        ]

    return BookAnswer(instrument=key, usable=True, ts=book.ts, bids=levels(book.bids), asks=levels(book.asks))


def feature_of(row: Any) -> FeatureAnswer:
    """A stored row of features."""
    values = {
        name: value if value == value else None  # noqa: PLR0124  (NaN while it warms up)
        for name, value in zip(row.names, row.values, strict=True)
    }
    return FeatureAnswer(
        ts=row.ts, trigger=row.trigger, interval=row.interval, set_version=row.set_version, values=values
    )
