"""The order desk: from a signal to its one outcome."""

from bisect import bisect_right, insort
from decimal import Decimal
from typing import NamedTuple

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import (
    CancelRequested,
    LimitCheck,
    OrderApproved,
    SignalRefused,
    SignalResolved,
)
from penstock_contracts.signals import Signal
from penstock_contracts.types import OrderType, Outcome, Side, TimeInForce
from penstock_kernel.errors import HaltError
from penstock_kernel.grid import NS_PER_MS, NS_PER_SECOND
from penstock_kernel.ids import make_id
from penstock_kernel.ledger import Contract, Position
from penstock_kernel.session import SessionConfig

from penstock_risk.account import Account
from penstock_risk.config import RiskConfig
from penstock_risk.limits import Caps, Refusal, caps_of
from penstock_risk.state import Book, Role, WorkingOrder

_MINUTE = 60 * NS_PER_SECOND


class OrderForm(NamedTuple):
    """How an order is to be worked; the default is at market, good till cancelled."""

    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    role: Role = "entry"
    parent_id: str | None = None
    group_id: str | None = None
    replaces: WorkingOrder | None = None


AT_MARKET = OrderForm()


class Desk:
    """Books, instruments and caps, and the messages that say what was decided."""

    __slots__ = (
        "_ages",
        "_caps",
        "_of_instrument",
        "_of_key",
        "account",
        "base_config",
        "closing",
        "config",
        "session",
        "state",
        "strategies",
        "working",
    )

    def __init__(
        self, base_config: RiskConfig, config: RiskConfig, session: SessionConfig, account: Account
    ) -> None:
        self.base_config = base_config
        self.session = session
        self.account = account
        self.state = account.state
        self.strategies = {each.name: each for each in (session.manual, *session.strategies)}
        self._of_key: dict[tuple[str, str], Book] = {}
        self._of_instrument: dict[str, list[Book]] = {}
        self.working = 0
        """Orders that are not over yet."""
        self.closing: dict[tuple[str, str], Book] = {}
        """Books whose position is being closed."""
        for book in self.state.books:
            self._index(book)
            self.working += len(book.working)
            self.close(book, book.closing)
        self.configure(config)

    def configure(self, config: RiskConfig) -> None:
        """Take over settings, new or changed."""
        self.config = config
        self._caps: dict[tuple[str, str], Caps | None] = {}
        self._ages: dict[str, Decimal] = {}

    # --- What is known ---

    def definition(self, instrument: str) -> Instrument | None:
        """The instrument as it was last defined."""
        return self.state.instruments.get(instrument) or self.session.by_key.get(instrument)

    def day_of(self, strategy: str, ts: int) -> int:
        """The day that a strategy's guardrails count by."""
        return self.account.days.of_strategy(strategy, ts, self.state.hours)

    def define(self, definition: Instrument) -> None:
        """Take over a definition. HaltError when it changes what an open position is worth."""
        contract = Contract.of(definition)
        for book in self.books_of(definition.instrument):
            if book.position.contract != contract:
                raise HaltError(
                    f"{definition.instrument} was redefined as {contract}; {book.strategy} holds or held "
                    f"{book.position.contract}"
                )
        self.state.instruments[definition.instrument] = definition
        self.state.statuses[definition.instrument] = definition.status
        for strategy in self.strategies:
            self._caps.pop((definition.instrument, strategy), None)

    def caps(self, instrument: str, strategy: str) -> Caps | None:
        """The caps of an instrument for a strategy, None where none are set and none may be assumed."""
        try:
            return self._caps[instrument, strategy]
        except KeyError:
            limits = self.config.limits_of(instrument)
            share = self.strategies[strategy].capital_fraction
            caps = None if limits is None else caps_of(self.config, limits, self.account.capital, share)
            self._caps[instrument, strategy] = caps
            return caps

    def price_age_ms_max(self, strategy: str) -> Decimal:
        """How old a price may be that a strategy's order goes by, ms."""
        allowed_ms = self._ages.get(strategy)
        if allowed_ms is None:
            of_intervals = self.config.price_age_intervals_max * self.strategies[strategy].interval
            allowed = max(self.config.price_age_ms_max * NS_PER_MS, of_intervals)
            allowed_ms = self._ages[strategy] = Decimal(allowed) / NS_PER_MS
        return allowed_ms

    def book(self, strategy: str, definition: Instrument) -> Book:
        """The book of a strategy in an instrument, opened when it is the first time."""
        found = self._of_key.get((strategy, definition.instrument))
        if found is None:
            found = Book(strategy, definition.instrument, Position(Contract.of(definition)))
            self.state.books.append(found)
            self._index(found)
        return found

    def books_of(self, instrument: str) -> list[Book]:
        """The books of all strategies in an instrument."""
        return self._of_instrument.get(instrument, [])

    def find(self, strategy: str, instrument: str) -> Book | None:
        """The book, if it was ever opened."""
        return self._of_key.get((strategy, instrument))

    def _index(self, book: Book) -> None:
        self._of_key[book.strategy, book.instrument] = book
        self._of_instrument.setdefault(book.instrument, []).append(book)

    def close(self, book: Book, reason: str) -> None:
        """From now on the position is being closed for this reason; no more where it is empty."""
        book.closing = reason
        if reason:
            self.closing[book.key] = book
        else:
            self.closing.pop(book.key, None)

    def capital_of(self, strategy: str) -> Decimal:
        """A strategy's capital, in account currency."""
        whole = self.state.account.equity if self.config.sizing_compound else self.account.capital
        return whole * self.strategies[strategy].capital_fraction

    def orders_within(self, ts: int, span: int) -> int:
        """Orders decided in (ts - span, ts], the one that is being decided included."""
        times = self.state.order_times
        return len(times) - bisect_right(times, ts - span) + 1

    # --- What is said ---

    def refuse(self, signal: Signal, ts: int, refusal: Refusal) -> SignalRefused:
        """The signal becomes no order."""
        self.state.refused += 1
        return SignalRefused(
            signal_id=signal.signal_id,
            strategy=signal.strategy,
            instrument=signal.instrument,
            ts=ts,
            rule=refusal.rule,
            limit=refusal.limit,
            value=refusal.value,
            text=refusal.text,
        )

    def supersede(self, book: Book, by: Signal) -> list[Message]:
        """The signal that waits, if any, gives way to a newer one."""
        waiting, book.waiting = book.waiting, None
        if waiting is None:
            return []
        return [resolved(waiting, max(by.ts, self.state.now), Outcome.SUPERSEDED, by.signal_id)]

    def cancel(self, book: Book, order: WorkingOrder, ts: int, reason: str) -> list[Message]:
        """Ask for an order's cancellation, once."""
        if order.cancel_requested:
            return []
        order.cancel_requested = True
        return [
            CancelRequested(
                order_id=order.order_id,
                strategy=book.strategy,
                instrument=book.instrument,
                ts=ts,
                reason=reason,
            )
        ]

    def cancel_signal_orders(self, book: Book, ts: int, reason: str) -> list[Message]:
        """Cancel what the strategy's signals have working."""
        return [
            message
            for order in book.working.values()
            if not order.closing
            for message in self.cancel(book, order, ts, reason)
        ]

    def approve(
        self,
        book: Book,
        ts: int,
        signed: Decimal,
        form: OrderForm,
        *,
        reference_price: Decimal,
        unit_notional: Decimal,
        signal: Signal | None = None,
        collar_price: Decimal | None = None,
        reason: str = "signal",
        checks: tuple[LimitCheck, ...] = (),
    ) -> OrderApproved:
        """Send an order; without a signal it is risk's own and closes a position."""
        state = self.state
        state.orders += 1
        parts = (self.session.session_id, book.strategy, book.instrument, ts, state.orders)
        order_id = make_id("o", *parts)
        book.working[order_id] = _working(order_id, signed, form, unit_notional, closing=signal is None)
        self.working += 1
        self.account.sums.changed(book)
        self._count(ts)
        return OrderApproved(
            order_id=order_id,
            client_order_id=order_id,
            # Risk's own orders answer no signal: the id is of the closing itself.
            signal_id=signal.signal_id if signal is not None else make_id("c", *parts),
            ordinal=state.orders,
            strategy=book.strategy,
            instrument=book.instrument,
            ts=ts,
            side=Side.BUY if signed > 0 else Side.SELL,
            type=form.type,
            quantity=abs(signed),
            limit_price=form.limit_price,
            stop_price=form.stop_price,
            time_in_force=form.time_in_force,
            expire_at=form.expire_at,
            post_only=form.post_only,
            reduce_only=form.reduce_only,
            parent_id=form.parent_id,
            reference_price=reference_price,
            collar_price=collar_price,
            reason=reason,
            model_version=signal.model_version if signal is not None else None,
            checks=checks,
            trail=form.trail,
            group_id=form.group_id,
            replaces=form.replaces.order_id if form.replaces is not None else None,
            replaces_left=form.replaces.quantity_left if form.replaces is not None else None,
        )

    def take_off(self, book: Book, order_id: str) -> WorkingOrder:
        """The order is over; returns it."""
        self.working -= 1
        self.account.sums.changed(book)
        return book.working.pop(order_id)

    def _count(self, ts: int) -> None:
        times = self.state.order_times
        insort(times, ts)
        if times[0] <= self.state.now - _MINUTE:
            del times[: bisect_right(times, self.state.now - _MINUTE)]


def _working(
    order_id: str, signed: Decimal, form: OrderForm, unit_notional: Decimal, *, closing: bool
) -> WorkingOrder:
    return WorkingOrder(
        order_id=order_id,
        sign=1 if signed > 0 else -1,
        quantity_left=abs(signed),
        unit_notional=unit_notional,
        limit_price=form.limit_price,
        closing=closing,
        type=form.type,
        stop_price=form.stop_price,
        trail=form.trail,
        role=form.role,
        replaces=form.replaces.order_id if form.replaces is not None else "",
    )


def no_position(book: Book) -> bool:
    """Whether the book holds nothing and nothing of it works."""
    return not (book.working or book.position.quantity)


def resolved(signal: Signal, ts: int, outcome: Outcome, by: str | None = None) -> SignalResolved:
    """A signal that needs no order."""
    return SignalResolved(
        signal_id=signal.signal_id,
        strategy=signal.strategy,
        instrument=signal.instrument,
        ts=ts,
        outcome=outcome,
        superseded_by=by,
    )
