"""Faulty rows among good ones, counted exactly. The good rows are the same with and without them.

Fault number j of the session goes to symbol j modulo the number of symbols; each symbol's go through all
kinds in turn. They are spread over the first minute; a block takes at most one for five of its rows, and
what it cannot take waits for the next.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from penstock_ingest.quarantine import Reason
from penstock_ingest.synthetic.walk import BLOCK_NS
from penstock_ingest.table import SIDE_UNREADABLE, RawTrades

_SPREAD_NS = 60 * 10**9
_ROWS_BETWEEN = 4
"""Good rows from one fault to the next: each is judged against good ones."""

Fault = Callable[[RawTrades, int], None]
"""Spoils the row at a place, which is a copy of the one before it, without an id."""


def _price(value: float) -> Fault:
    def spoil(raw: RawTrades, at: int) -> None:
        raw.price[at] = value

    return spoil


def _size(value: float) -> Fault:
    def spoil(raw: RawTrades, at: int) -> None:
        raw.size[at] = value

    return spoil


def _shift(nanoseconds: int) -> Fault:
    def spoil(raw: RawTrades, at: int) -> None:
        raw.ts[at] += nanoseconds

    return spoil


def _no_time(raw: RawTrades, at: int) -> None:
    raw.ts[at] = -1


def _milliseconds(raw: RawTrades, at: int) -> None:
    raw.ts[at] //= 10**6


def _side(raw: RawTrades, at: int) -> None:
    raw.side[at] = SIDE_UNREADABLE


def _jump(raw: RawTrades, at: int) -> None:
    raw.price[at] *= 1000


def _repeat(raw: RawTrades, at: int) -> None:
    raw.trade_id[at] = raw.trade_id[at - 1]


def _contradict(raw: RawTrades, at: int) -> None:
    _repeat(raw, at)
    raw.size[at] *= 2


FAULTS: tuple[tuple[Reason, Fault], ...] = (
    (Reason.NOT_A_NUMBER, _price(float("nan"))),
    (Reason.PRICE_NOT_POSITIVE, _price(0.0)),
    (Reason.SIZE_NOT_POSITIVE, _size(0.0)),
    (Reason.TIME_BACK, _shift(-3_000_000_000)),
    (Reason.DUPLICATE, _repeat),
    (Reason.INFINITE, _price(float("inf"))),
    (Reason.PRICE_NOT_POSITIVE, _price(-1.0)),
    (Reason.SIZE_NOT_POSITIVE, _size(-1.0)),
    (Reason.DUPLICATE_CONFLICT, _contradict),
    (Reason.TIME_BACK, _milliseconds),
    (Reason.PRICE_JUMP, _jump),
    (Reason.NOT_A_NUMBER, _size(float("nan"))),
    (Reason.SIDE, _side),
    (Reason.TIME_AHEAD, _shift(3600 * 10**9)),
    (Reason.TIME, _no_time),
    (Reason.INFINITE, _size(float("inf"))),
)
"""What is injected, and the reason for which it must be quarantined."""


class Injector:
    """Puts one symbol's share of the faults into its blocks."""

    def __init__(self, malformed: int, symbol_at: int, symbols: int) -> None:
        spacing = _SPREAD_NS // (malformed + 1)
        self._due = [(number + 1) * spacing // BLOCK_NS for number in range(symbol_at, malformed, symbols)]
        self._done = 0
        self._block = 0

    def inject(self, raw: RawTrades) -> RawTrades:
        """The block with the faults that are due in it, or that earlier ones had no room for."""
        due = sum(1 for block in self._due[self._done : self._done + len(raw.ts)] if block <= self._block)
        self._block += 1
        places = np.arange(1, len(raw.ts) - _ROWS_BETWEEN, _ROWS_BETWEEN)[:due]
        if not len(places):
            return raw
        spoiled = _with_copies(raw, places)
        for number, place in enumerate(places.tolist()):
            at = place + number + 1
            FAULTS[self._done % len(FAULTS)][1](spoiled, at)
            self._done += 1
        return spoiled


def _with_copies(raw: RawTrades, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> RawTrades:
    """The rows with a copy, without an id, after each of the places."""
    at = places + 1
    return replace(
        raw,
        ts=np.insert(raw.ts, at, raw.ts[places]),
        price=np.insert(raw.price, at, raw.price[places]),
        size=np.insert(raw.size, at, raw.size[places]),
        side=np.insert(raw.side, at, raw.side[places]),
        trade_id=np.insert(raw.trade_id, at, b""),
        verdict=np.insert(raw.verdict, at, 0),
    )
