"""Exposure now and at worst: positions plus all working orders that could still add to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from penstock_kernel.ledger import plain
from penstock_kernel.money import ZERO

from penstock_risk.state import Book, RiskState


class Valuation(Protocol):
    """What exposure needs to know of the account."""

    @property
    def state(self) -> RiskState: ...

    @property
    def sums(self) -> "Sums": ...

    def exposure(self, book: Book) -> Decimal:
        """Signed notional of a book's position, in account currency."""
        ...


@dataclass(slots=True)
class Exposures:
    """Notionals in account currency; `worst` is with the orders on one side all filled."""

    position_quantity_worst: Decimal = ZERO
    """Of the book that was asked for, in units."""
    position_worst: Decimal = ZERO
    """Of that book."""
    instrument_worst: Decimal = ZERO
    """Of the account in that book's instrument."""
    strategy_worst: Decimal = ZERO
    """Of that book's strategy, over all instruments."""
    gross: Decimal = ZERO
    gross_worst: Decimal = ZERO
    net: Decimal = ZERO
    """Signed."""
    net_worst: Decimal = ZERO

    @property
    def reserved(self) -> Decimal:
        """What working orders could still add to gross exposure; never negative, zero without orders."""
        return self.gross_worst - self.gross


def measure(
    account: Valuation,
    book: Book | None = None,
    sign: int = 0,
    quantity: Decimal = ZERO,
    notional: Decimal = ZERO,
) -> Exposures:
    """The account's exposure as if an order of this sign, quantity and notional worked in `book`."""
    books = account.state.books
    if len(books) == 1:
        return _measure_one(account, books[0], book, sign, quantity, notional)
    return account.sums.measure(account, book, sign, quantity, notional)


def _measure_one(
    account: Valuation, only: Book, book: Book | None, sign: int, quantity: Decimal, notional: Decimal
) -> Exposures:
    """The same where there is no other book: all measures are those of this one."""
    held = ZERO + account.exposure(only)
    buys, sells = working_notional(only)
    if sign > 0:
        buys += notional
    elif sign < 0:
        sells += notional
    worst = max(abs(held + buys), abs(held - sells))
    gross = abs(held)
    if book is None:
        return Exposures(gross=gross, gross_worst=worst, net=held, net_worst=worst)
    quantity_worst = _worst_quantity(only, sign, quantity)
    return Exposures(quantity_worst, worst, worst, worst, gross, worst, held, worst)


class _Part:
    """What a book counts for in the sums."""

    __slots__ = ("book", "buys", "held", "sells", "worst")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.held = self.buys = self.sells = self.worst = ZERO


class _Instrument:
    """The sums of one instrument, over all strategies."""

    __slots__ = ("buys", "net", "parts", "sells")

    def __init__(self) -> None:
        self.net = self.buys = self.sells = ZERO
        self.parts: dict[tuple[str, str], _Part] = {}


class Sums:
    """What all books count for together, kept up to date: an order costs no pass over all of them.

    Derived from the books and marks. Notionals are exact, so what is added and taken away again leaves
    nothing behind; what is told is `plain`, so that not even trailing zeros tell how a sum came about.
    """

    __slots__ = (
        "_buys", "_changed", "_gross", "_gross_worst", "_net", "_of_instrument", "_of_strategy", "_repriced",
        "_sells",
    )  # fmt: skip

    def __init__(self, books: Iterable[Book]) -> None:
        self._changed = {book.key: book for book in books}
        self._repriced: dict[str, None] = {}
        self._of_instrument: dict[str, _Instrument] = {}
        self._of_strategy: dict[str, Decimal] = {}
        self._gross = self._gross_worst = self._net = self._buys = self._sells = ZERO

    def changed(self, book: Book) -> None:
        """The book's position or working orders are others now."""
        self._changed[book.key] = book

    def repriced(self, instrument: str) -> None:
        """The price of an instrument in which something is held is another now."""
        self._repriced[instrument] = None

    def measure(
        self, account: Valuation, book: Book | None, sign: int, quantity: Decimal, notional: Decimal
    ) -> Exposures:
        """See `measure`."""
        self._count_changes(account)
        if book is None:
            net_worst = max(abs(self._net + self._buys), abs(self._net - self._sells))
            return Exposures(
                gross=plain(self._gross),
                gross_worst=plain(self._gross_worst),
                net=plain(self._net),
                net_worst=plain(net_worst),
            )
        here = self._of_instrument.get(book.instrument) or _Instrument()
        part = here.parts.get(book.key) or _Part(book)
        bought, sold = (notional, ZERO) if sign > 0 else (ZERO, notional if sign else ZERO)
        worst = max(abs(part.held + part.buys + bought), abs(part.held - part.sells - sold))
        added = worst - part.worst
        return Exposures(
            position_quantity_worst=_worst_quantity(book, sign, quantity),
            position_worst=worst,
            instrument_worst=plain(
                max(abs(here.net + here.buys + bought), abs(here.net - here.sells - sold))
            ),
            strategy_worst=plain(self._of_strategy.get(book.strategy, ZERO) + added),
            gross=plain(self._gross),
            gross_worst=plain(self._gross_worst + added),
            net=plain(self._net),
            net_worst=plain(max(abs(self._net + self._buys + bought), abs(self._net - self._sells - sold))),
        )

    def _count_changes(self, account: Valuation) -> None:
        for instrument in self._repriced:
            here = self._of_instrument.get(instrument)
            if here is not None:
                for part in here.parts.values():
                    if part.held:
                        self._take(here, part, account.exposure(part.book), part.buys, part.sells)
        self._repriced.clear()
        for book in self._changed.values():
            self._count(account, book)
        self._changed.clear()

    def _count(self, account: Valuation, book: Book) -> None:
        here = self._of_instrument.get(book.instrument)
        if here is None:
            here = self._of_instrument[book.instrument] = _Instrument()
        part = here.parts.get(book.key)
        if part is None:
            part = here.parts[book.key] = _Part(book)
        self._take(here, part, account.exposure(book), *working_notional(book))

    def _take(self, here: _Instrument, part: _Part, held: Decimal, buys: Decimal, sells: Decimal) -> None:
        """What a book counts for is this from now on."""
        worst = max(abs(held + buys), abs(held - sells)) if buys or sells else abs(held)
        self._gross += abs(held) - abs(part.held)
        self._gross_worst += worst - part.worst
        strategy = part.book.strategy
        self._of_strategy[strategy] = self._of_strategy.get(strategy, ZERO) + worst - part.worst
        if held != part.held:
            self._net += held - part.held
            here.net += held - part.held
        if buys != part.buys:
            self._buys += buys - part.buys
            here.buys += buys - part.buys
        if sells != part.sells:
            self._sells += sells - part.sells
            here.sells += sells - part.sells
        part.held, part.buys, part.sells, part.worst = held, buys, sells, worst


def working_notional(book: Book) -> tuple[Decimal, Decimal]:
    """Notional of a book's working buys and sells at their worst prices."""
    buys = sells = ZERO
    if not book.working:
        return buys, sells
    for order in book.working.values():
        if order.protects:
            continue
        notional = order.quantity_left * order.unit_notional
        replaced = book.working.get(order.replaces) if order.replaces else None
        if replaced is not None:
            notional = max(notional - replaced.quantity_left * replaced.unit_notional, ZERO)
        if order.sign > 0:
            buys += notional
        else:
            sells += notional
    return buys, sells


def working_quantity(book: Book) -> tuple[Decimal, Decimal]:
    """Quantity that a book's working orders may still buy and sell."""
    buys = sells = ZERO
    if not book.working:
        return buys, sells
    for order in book.working.values():
        if order.protects:
            continue
        quantity = order.quantity_left
        replaced = book.working.get(order.replaces) if order.replaces else None
        if replaced is not None:
            quantity = max(quantity - replaced.quantity_left, ZERO)
        if order.sign > 0:
            buys += quantity
        else:
            sells += quantity
    return buys, sells


def in_flight(book: Book) -> Decimal:
    """Signed quantity that a book's working orders may still fill, those that protect apart."""
    buys, sells = working_quantity(book)
    return buys - sells


def _worst_quantity(book: Book, sign: int, quantity: Decimal) -> Decimal:
    held = book.position.quantity
    buys, sells = working_quantity(book)
    if sign > 0:
        buys += quantity
    elif sign < 0:
        sells += quantity
    return max(abs(held + buys), abs(held - sells))
