"""Whether a book's updates follow one another, and what the book is after each: one update at a time.

Whoever missed an update does not know the book. So an update that is missing, bad, late, or that crosses
the book ends belief in it: a gap is told, and nothing is delivered before the next snapshot.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from penstock_kernel.book import ASK, BID, BookSide

from penstock_ingest.quarantine import Reason

UNKNOWN = -1
"""Stands for an id or a time that the source does not give."""


class Update(NamedTuple):
    """One update, its prices and sizes as integers of one scale."""

    ts: int
    snapshot: bool
    first: int
    """Id of the first change in it, `UNKNOWN` without ids."""
    last: int
    previous: int
    """`last` of the update before it, where the source says it."""
    sides: list[int]
    prices: list[int]
    sizes: list[int]
    reason: Reason
    """Why it cannot be used whatever the book is; GOOD when nothing is known against it."""


class Loss(NamedTuple):
    """The book is not known from `ts_from` on; told at `ts`."""

    ts: int
    ts_from: int
    why: str


@dataclass(slots=True)
class Chain:
    """The book as of the last good update."""

    jump_max: float
    """A middle beyond (1 + this) times the last is held until another snapshot confirms it."""
    bids: BookSide = field(default_factory=lambda: BookSide(BID))
    asks: BookSide = field(default_factory=lambda: BookSide(ASK))
    ts: int = UNKNOWN
    last: int = UNKNOWN
    middle: float = 0.0
    """0 before the first book of two sides."""
    held: float = 0.0
    valid: bool = False
    told: bool = False
    """That the book is not known was told."""
    fresh: bool = False
    """Nothing but a snapshot came yet: the update after it may begin before the snapshot's id."""
    _loss: Loss | None = None

    def judge(self, update: Update) -> tuple[Reason, Loss | None]:
        """What becomes of an update, and the loss of the book when it is lost with it."""
        self._loss = None
        reason = self._reason(update)
        if reason is Reason.GOOD:
            self.ts, self.last = update.ts, update.last
            self.valid, self.told, self.fresh = True, False, update.snapshot
        return reason, self._loss

    def _reason(self, update: Update) -> Reason:
        if update.reason is not Reason.GOOD:
            return self._lose(update, update.reason, f"an update was not usable: {update.reason.label}")
        if not update.snapshot and self.valid and UNKNOWN < update.last <= self.last:
            return Reason.DUPLICATE
        if update.ts < self.ts:
            return self._lose(update, Reason.TIME_BACK, "an update came late")
        if not update.snapshot:
            if not self.valid:
                return self._lose(update, Reason.NO_BOOK, "no snapshot yet")
            if self._misses(update):
                why = f"update {_named(update)} does not follow {self.last}"
                return self._lose(update, Reason.UPDATE_MISSING, why)
        return self._apply(update)

    def _misses(self, update: Update) -> bool:
        if UNKNOWN in (update.last, self.last):
            return False
        begins = update.first <= self.last + 1
        if update.previous == UNKNOWN:
            return not begins
        return update.previous != self.last and not (self.fresh and begins)

    def _apply(self, update: Update) -> Reason:
        bids, asks = self.bids, self.asks
        if update.snapshot:
            bids.clear()
            asks.clear()
        for side, price, size in zip(update.sides, update.prices, update.sizes, strict=True):
            (bids if side > 0 else asks).set(price, size)
        if not bids.keys or not asks.keys:
            return Reason.GOOD
        if bids.best >= asks.best:
            return self._lose(update, Reason.CROSSED, "the book crossed")
        middle = (bids.best + asks.best) / 2
        confirmed = update.snapshot and self.held != 0.0 and not self._far(self.held, middle)
        if self.middle != 0.0 and self._far(self.middle, middle) and not confirmed:
            self.held = middle
            return self._lose(update, Reason.PRICE_JUMP, "a price jump that is not confirmed yet")
        self.middle, self.held = middle, 0.0
        return Reason.GOOD

    def _far(self, last: float, middle: float) -> bool:
        """Whether the middle lies beyond the bound of another."""
        factor = 1.0 + self.jump_max
        return middle > last * factor or middle * factor < last

    def _lose(self, update: Update, reason: Reason, why: str) -> Reason:
        self.bids.clear()
        self.asks.clear()
        self.valid = False
        ts = max(update.ts, self.ts)
        if not self.told and ts >= 0:
            self.told = True
            self._loss = Loss(ts, self.ts if self.ts >= 0 else ts, why)
        return reason


def _named(update: Update) -> str:
    return str(update.last if update.first in (UNKNOWN, update.last) else update.first)
