"""Exposure now and at worst: positions plus all working orders that could still add to them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from penstock_kernel.money import ZERO

from penstock_risk.state import Book, RiskState


class Valuation(Protocol):
    """What exposure needs to know of the account."""

    @property
    def state(self) -> RiskState: ...

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
    books = [each for each in account.state.books if each.working or each.position.quantity or each is book]
    if len(books) == 1:
        return _measure_one(account, books[0], book, sign, quantity, notional)
    found = Exposures()
    buys_all = sells_all = ZERO
    net_here = buys_here = sells_here = ZERO
    for each in books:
        asked = each is book
        held = account.exposure(each)
        buys, sells = working_notional(each)
        if asked:
            if sign > 0:
                buys += notional
            elif sign < 0:
                sells += notional
            found.position_quantity_worst = _worst_quantity(each, sign, quantity)
            found.position_worst = max(abs(held + buys), abs(held - sells))
        worst = max(abs(held + buys), abs(held - sells))
        found.gross += abs(held)
        found.gross_worst += worst
        if book is not None and each.strategy == book.strategy:
            found.strategy_worst += worst
        found.net += held
        buys_all += buys
        sells_all += sells
        if book is not None and each.instrument == book.instrument:
            net_here += held
            buys_here += buys
            sells_here += sells
    found.instrument_worst = max(abs(net_here + buys_here), abs(net_here - sells_here))
    found.net_worst = max(abs(found.net + buys_all), abs(found.net - sells_all))
    return found


def _measure_one(
    account: Valuation, only: Book, book: Book | None, sign: int, quantity: Decimal, notional: Decimal
) -> Exposures:
    """The same where nothing else is held and nothing else works: all measures are that of the one book."""
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
