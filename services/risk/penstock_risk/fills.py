"""What the venue did: fills into positions, orders that are over out of the books."""

from decimal import Decimal

from penstock_contracts.orders import PositionChanged
from penstock_contracts.venue import Fill
from penstock_kernel.errors import HaltError
from penstock_kernel.ledger import FillEffect, RoundTrip
from penstock_kernel.money import ZERO

from penstock_risk.account import Account
from penstock_risk.desk import Desk
from penstock_risk.state import Book, WorkingOrder


def take_fill(desk: Desk, fill: Fill) -> tuple[Book, PositionChanged]:
    """Book a fill. HaltError when its order neither works nor was given up for lost, or does not fit it."""
    book = desk.find(fill.strategy, fill.instrument)
    order = None
    if book is not None:
        order = book.working.get(fill.order_id) or book.lost.get(fill.order_id)
    if book is None or order is None:
        raise HaltError(f"fill {fill.fill_id} is of order {fill.order_id}, which does not work")
    _must_fit(order, fill)
    order.quantity_left -= fill.quantity
    if not order.quantity_left:
        if fill.order_id in book.working:
            desk.take_off(book, fill.order_id)
        else:
            del book.lost[fill.order_id]
    account = desk.account
    before = account.booked(book)
    effect = book.position.apply_fill(fill.side, fill.quantity, fill.price, fill.fee, fill.fee_currency)
    account.rebook(book, before, desk.books_of(book.instrument))
    _count_trade(account, book, effect)
    return book, _position_changed(account, book, fill)


def _must_fit(order: WorkingOrder, fill: Fill) -> None:
    left = order.quantity_left - fill.quantity
    if fill.side.sign != order.sign or left < 0 or left != fill.quantity_left:
        raise HaltError(
            f"fill {fill.fill_id}: {fill.side} {fill.quantity}, {fill.quantity_left} left, but order "
            f"{order.order_id} has {order.quantity_left} left to {'buy' if order.sign > 0 else 'sell'}"
        )


def _count_trade(account: Account, book: Book, effect: FillEffect) -> None:
    if effect.round_trip is None:
        return
    figures = account.state.account
    figures.trades += 1
    if earned(account, book, effect.round_trip) < 0:
        figures.losses_in_a_row += 1
    else:
        figures.losses_in_a_row = 0


def earned(account: Account, book: Book, trip: RoundTrip) -> Decimal:
    """What a trade brought after fees, in account currency."""
    paid = sum((account.convert(amount, currency) for currency, amount in trip.fees.items()), ZERO)
    return account.convert(trip.pnl_realized, book.position.contract.currency) - paid


def _position_changed(account: Account, book: Book, fill: Fill) -> PositionChanged:
    position = book.position
    settlement = position.contract.currency
    fees = ZERO
    for currency, amount in position.fees.items():
        if currency == settlement:
            fees += amount
        else:
            fees += account.convert(amount, currency) / account.need_rate(settlement)
    return PositionChanged(
        strategy=book.strategy,
        instrument=book.instrument,
        ts=fill.ts_known,
        quantity=position.quantity,
        average_price=position.average_price,
        pnl_realized=position.pnl_realized,
        fees=fees,
        currency=settlement,
        fill_id=fill.fill_id,
    )
