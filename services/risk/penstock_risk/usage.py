"""How much of each limit is used now: for an operator's eyes."""

from collections.abc import Iterator
from decimal import Decimal

from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.ledger import fit, plain
from penstock_kernel.money import ZERO

from penstock_risk.desk import Desk
from penstock_risk.exposure import measure
from penstock_risk.state import Book
from penstock_risk.stops import measured

ROWS_MAX = 200
_MINUTE = 60 * NS_PER_SECOND


def usage(desk: Desk) -> list[dict[str, str]]:
    """Rule, whose it is (`account`, a strategy, an instrument, or both), what is allowed, what is used.

    Money is in account currency, with all working orders filled; durations are in seconds.
    """
    rows = [*_stops(desk), *_account(desk), *_books(desk)][:ROWS_MAX]
    return [
        {"rule": rule, "scope": scope, "limit": str(plain(limit)), "value": str(plain(fit(value)))}
        for rule, scope, limit, value in rows
    ]


Row = tuple[str, str, Decimal, Decimal]


def _stops(desk: Desk) -> Iterator[Row]:
    for each in measured(desk.account, desk.state.now):
        yield each.rule, "account", each.limit, max(each.value, ZERO)


def _account(desk: Desk) -> Iterator[Row]:
    config, state, capital = desk.config, desk.state, desk.account.capital
    found = measure(desk.account, None, 0, ZERO, ZERO)
    yield "gross_exposure", "account", config.gross_exposure_fraction_max * capital, found.gross_worst
    yield "net_exposure", "account", config.net_exposure_fraction_max * capital, found.net_worst
    if state.account.equity > 0:
        yield "leverage", "account", config.leverage_max, found.gross_worst / state.account.equity
    for rule, limit, span in (
        ("orders_per_second", config.orders_per_second_max, NS_PER_SECOND),
        ("orders_per_minute", config.orders_per_minute_max, _MINUTE),
    ):
        # The count is with one that is being decided.
        yield rule, "account", Decimal(limit), Decimal(desk.orders_within(state.now, span) - 1)


def _books(desk: Desk) -> Iterator[Row]:
    told: set[str] = set()
    for book in desk.state.books:
        if not (book.position.quantity or book.working):
            continue
        caps = desk.caps(book.instrument, book.strategy)
        if caps is None:
            continue
        found = measure(desk.account, book, 0, ZERO, ZERO)
        both = f"{book.strategy} {book.instrument}"
        yield "position_notional", both, caps.position_notional, found.position_worst
        yield "position_quantity", both, caps.position_quantity, found.position_quantity_worst
        yield from _once(told, book, caps.instrument_exposure, found.instrument_worst, book.instrument)
        yield from _once(told, book, caps.strategy_exposure, found.strategy_worst, book.strategy)


def _once(told: set[str], book: Book, limit: Decimal, value: Decimal, scope: str) -> Iterator[Row]:
    if scope not in told:
        told.add(scope)
        rule = "instrument_exposure" if scope == book.instrument else "strategy_exposure"
        yield rule, scope, limit, value
