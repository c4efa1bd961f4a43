"""The virtual ledger of shadow strategies: sized like any other, traded nowhere.

Nothing here can make an `OrderApproved`. A signal is resolved as `shadow`; its quantity is booked at the
price that risk knows when the interval of the decision is over, with the strategy's `shadow_cost_bps`
against it and the taker's fee.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import ShadowFilled
from penstock_contracts.signals import OrderStyle, Signal
from penstock_contracts.types import InstrumentKind, Outcome, Side
from penstock_kernel.ids import make_id
from penstock_kernel.ledger import Contract, Position, fit
from penstock_kernel.money import ONE, ZERO, round_down
from penstock_kernel.session import StrategySpec

from penstock_risk.decide import gate
from penstock_risk.desk import Desk, resolved
from penstock_risk.guardrails import Record, refusal_of
from penstock_risk.hours import closed
from penstock_risk.limits import Refusal
from penstock_risk.sizing import below_minimum, target_quantity

_BPS = Decimal(10_000)
_UNSHORTABLE = frozenset({InstrumentKind.SPOT, InstrumentKind.EQUITY})


@dataclass(slots=True)
class Pending:
    """A virtual order on its way."""

    signal_id: str
    quantity: Decimal
    """Signed."""
    effective: bool = False
    """The interval of its decision is over."""


@dataclass(slots=True)
class ShadowBook:
    """One shadow strategy in one instrument."""

    strategy: str
    instrument: str
    position: Position
    pending: Pending | None = None
    trades: int = 0
    trades_won: int = 0


@dataclass(slots=True)
class ShadowState:
    """Everything that a snapshot holds of the virtual ledger."""

    books: list[ShadowBook] = field(default_factory=list)
    fills: dict[str, int] = field(default_factory=dict)
    """Virtual fills of each strategy."""
    ended: bool = False


def take_signal(
    desk: Desk, state: ShadowState, records: dict[str, Record], spec: StrategySpec, signal: Signal
) -> list[Message]:
    """The outcome of a shadow strategy's signal, after what took effect before it.

    `shadow`, `no_change`, or refused like any other.
    """
    ts = max(signal.ts, desk.state.now)
    refusal = gate(desk, signal)
    if refusal is not None:
        return [desk.refuse(signal, ts, refusal)]
    definition = desk.definition(signal.instrument)
    assert definition is not None
    book = _book(state, signal.strategy, definition)
    outputs: list[Message] = list(_effective(desk, state, records, book))
    # What it wanted in this interval already gives way.
    book.pending = None
    held = book.position.quantity

    def trades_open() -> int:
        return sum(
            1 for each in state.books
            if each.strategy == spec.name and (each.position.quantity or (each.pending and each is not book))
        )  # fmt: skip

    record = records.setdefault(spec.name, Record())
    day = desk.day_of(spec.name, ts)
    refusal = refusal_of(record, spec.guardrails, signal, held, day, trades_open) or _market(
        desk, signal, definition
    )
    if refusal is None:
        sized = _quantity(desk, spec, book, definition, signal)
        if isinstance(sized, Decimal):
            if not sized:
                return [*outputs, resolved(signal, ts, Outcome.NO_CHANGE)]
            book.pending = Pending(signal.signal_id, sized)
            return [*outputs, resolved(signal, ts, Outcome.SHADOW)]
        refusal = sized
    return [*outputs, desk.refuse(signal, ts, refusal)]


def _effective(
    desk: Desk, state: ShadowState, records: dict[str, Record], book: ShadowBook
) -> Iterator[ShadowFilled]:
    """What took effect at the last mark."""
    pending = book.pending
    if pending is not None and pending.effective:
        book.pending = None
        yield _fill(desk, state, records, book, pending.signal_id, pending.quantity, desk.state.now)


def end_interval(
    desk: Desk, state: ShadowState, records: dict[str, Record], end: int, *, ended: bool
) -> list[Message]:
    """Book what took effect with the interval before; close everything when the data is over."""
    outputs: list[Message] = []
    for book in state.books:
        outputs += _effective(desk, state, records, book)
        if book.pending is not None:
            book.pending.effective = True
        if ended and not state.ended:
            book.pending = None
            if book.position.quantity:
                closing = make_id("c", desk.session.session_id, book.strategy, book.instrument, end, "shadow")
                outputs.append(_fill(desk, state, records, book, closing, -book.position.quantity, end))
    state.ended = state.ended or ended
    return outputs


def unrealized(desk: Desk, book: ShadowBook) -> Decimal:
    """What closing a virtual position now would bring, in its settlement currency."""
    held = book.position.quantity
    price = desk.account.price(book.instrument, -1 if held > 0 else 1) if held else None
    return book.position.unrealized(price) if price is not None else ZERO


def _market(desk: Desk, signal: Signal, definition: Instrument) -> Refusal | None:
    if signal.style != OrderStyle():
        return Refusal("style", text="a shadow strategy trades at market only, good till cancelled")
    refusal = closed(desk.state, definition, max(signal.ts, desk.state.now))
    if refusal is not None:
        return refusal
    if desk.account.rate(definition.settlement) is None:
        return Refusal("rate", text=f"no rate for {definition.settlement}")
    if desk.account.price(signal.instrument, 1) is None:
        return Refusal("price_missing", text="no price yet")
    return None


def _quantity(
    desk: Desk, spec: StrategySpec, book: ShadowBook, definition: Instrument, signal: Signal
) -> Decimal | Refusal:
    """What to trade, signed, within the limits of one order and of one position."""
    held, contract = book.position.quantity, book.position.contract
    unit_notional = desk.account.unit_notional(contract, signal.price)
    capital = desk.capital_of(spec.name)
    target = target_quantity(desk.config, signal, capital, unit_notional, spec.interval)
    if isinstance(target, Refusal):
        return target
    if target < 0 and not _may_short(desk, definition):
        if held <= 0:
            return Refusal("short", ZERO, target, "short selling is not allowed")
        target = ZERO
    quantity = round_down(target - held, definition.lot_size)
    if not quantity:
        return (
            Refusal("quantity_min", definition.lot_size, abs(target), "less than a lot")
            if target and not held
            else ZERO
        )
    below = below_minimum(definition, quantity, signal.price)
    if below is not None:
        return Refusal(*below)
    caps = desk.caps(book.instrument, spec.name)
    if caps is None:
        return Refusal("limits", text=f"no limits are set for {book.instrument}")
    size, after = abs(quantity), abs(held + quantity)
    if after < abs(held):
        return quantity
    for rule, limit, value in (
        ("order_quantity", caps.order_quantity, size),
        ("order_notional", caps.order_notional, size * unit_notional),
        ("position_quantity", caps.position_quantity, after),
        ("position_notional", caps.position_notional, after * unit_notional),
    ):
        if value > limit:
            return Refusal(rule, limit, value)
    return quantity


def _may_short(desk: Desk, definition: Instrument) -> bool:
    allowed = desk.config.short_allowed
    return allowed == "always" or (allowed == "derivatives" and definition.kind not in _UNSHORTABLE)


def _fill(
    desk: Desk, state: ShadowState, records: dict[str, Record], book: ShadowBook, signal_id: str,
    quantity: Decimal, ts: int,
) -> ShadowFilled:  # fmt: skip
    spec = desk.strategies[book.strategy]
    side = Side.BUY if quantity > 0 else Side.SELL
    market = desk.account.price(book.instrument, side.sign)
    definition = desk.definition(book.instrument)
    assert market is not None
    assert definition is not None
    price = market * (ONE + side.sign * spec.shadow_cost_bps / _BPS)
    contract, size = book.position.contract, abs(quantity)
    fee = fit(contract.notional(size, price) * definition.fee_taker)
    effect = book.position.apply_fill(side, size, price, fee)
    if effect.round_trip is not None:
        won = effect.round_trip.pnl_realized > sum(effect.round_trip.fees.values(), ZERO)
        book.trades += 1
        book.trades_won += won
        day = desk.day_of(book.strategy, ts)
        records.setdefault(book.strategy, Record()).completed(day, won, spec.guardrails)
    number = state.fills[book.strategy] = state.fills.get(book.strategy, 0) + 1
    return ShadowFilled(
        fill_id=make_id("v", desk.session.session_id, book.strategy, book.instrument, ts, number),
        signal_id=signal_id,
        ordinal=number,
        strategy=book.strategy,
        instrument=book.instrument,
        ts=ts,
        side=side,
        quantity=size,
        price=price,
        fee=fee,
        position=book.position.quantity,
        average_price=book.position.average_price,
        currency=contract.currency,
        pnl_realized=book.position.pnl_realized,
        fees=sum(book.position.fees.values(), ZERO),
        trades=book.trades,
        trades_won=book.trades_won,
    )


def _book(state: ShadowState, strategy: str, definition: Instrument) -> ShadowBook:
    for book in state.books:
        if (book.strategy, book.instrument) == (strategy, definition.instrument):
            return book
    book = ShadowBook(strategy, definition.instrument, Position(Contract.of(definition)))
    state.books.append(book)
    return book
