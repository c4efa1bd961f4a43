"""The decision on one signal: gate, size, price, limits, in that order; the first objection refuses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import LimitCheck, OrderApproved, SignalRefused
from penstock_contracts.signals import PLAIN, Signal
from penstock_contracts.types import (
    Direction,
    InstrumentKind,
    OrderType,
    Outcome,
    TimeInForce,
    TradingState,
)
from penstock_kernel.grid import NS_PER_MS, NS_PER_SECOND
from penstock_kernel.ids import make_id
from penstock_kernel.ledger import fit
from penstock_kernel.money import ZERO, round_down

from penstock_risk import holds
from penstock_risk.closing import meets
from penstock_risk.desk import AT_MARKET, Desk, OrderForm, resolved
from penstock_risk.exits import Exit, exits_of, wanted
from penstock_risk.exposure import in_flight, measure, working_quantity
from penstock_risk.hours import closed
from penstock_risk.limits import MEASURES, RULES, SPARE_REDUCTIONS, Facts, Refusal
from penstock_risk.prices import prices_of
from penstock_risk.sizing import below_minimum, target_quantity
from penstock_risk.state import Book, Role, WorkingOrder
from penstock_risk.stops import measured

UNSHORTABLE = frozenset({InstrumentKind.SPOT, InstrumentKind.EQUITY})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_MINUTE = 60 * NS_PER_SECOND
_BOUNDLESS = Decimal(10**18)
"""Leverage of an account without equity."""


@dataclass(slots=True)
class Draft:
    """An order in the making."""

    book: Book
    signal: Signal
    definition: Instrument
    ts: int
    replaced: WorkingOrder | None = None
    """The order whose place it is to take: not counted beside it."""
    quantity: Decimal = ZERO
    """Signed."""
    target: Decimal = ZERO
    """The position that it brings, signed."""
    reduces: bool = False
    """It brings the strategy's own position nearer to zero, and not beyond."""
    form: OrderForm = AT_MARKET
    exits: Sequence[Exit] = ()
    """What protects the target."""
    worst_price: Decimal = ZERO
    unit_notional: Decimal = ZERO
    passed: tuple[LimitCheck, ...] = ()
    _held: Decimal | None = None

    @property
    def held(self) -> Decimal:
        """What the strategy has, and what its other orders may still bring."""
        if self._held is None:
            flying = in_flight(self.book)
            if self.replaced is not None:
                flying -= self.replaced.sign * self.replaced.quantity_left
            self._held = self.book.position.quantity + flying
        return self._held

    @property
    def sign(self) -> int:
        """+1 for a buy."""
        return 1 if self.quantity > 0 else -1


def gate(desk: Desk, signal: Signal) -> Refusal | None:
    """What refuses a signal before anything is done for it."""
    state = desk.state
    if state.stop:
        return Refusal("stopped", text=state.stop)
    if state.ended:
        return Refusal("ended", text="the data is over")
    if state.trading is TradingState.HALTED:
        return Refusal("trading_state", text="halted")
    if signal.strategy not in desk.strategies:
        return Refusal("strategy", text=f"the session has no strategy {signal.strategy}")
    if desk.definition(signal.instrument) is None:
        return Refusal("instrument", text=f"{signal.instrument} is not defined")
    if state.holds and holds.state_of(desk, signal.strategy, signal.instrument) is TradingState.HALTED:
        return Refusal("trading_state", text=f"halted: {signal.strategy} in {signal.instrument}")
    book = desk.find(signal.strategy, signal.instrument)
    if book is not None and book.closing:
        return Refusal("closing", text=f"the position is being closed: {book.closing}")
    return None


def decide(desk: Desk, book: Book, signal: Signal) -> list[Message]:
    """The outcome of a signal for which nothing works any more."""
    draft = draft_of(desk, book, signal)
    if isinstance(draft, SignalRefused):
        return [draft]
    if not draft.quantity:
        if not draft.exits:
            return [resolved(signal, draft.ts, Outcome.NO_CHANGE)]
        return protect(desk, draft, None)
    entry = send_entry(desk, draft)
    return [entry, *protect(desk, draft, entry.order_id)]


def draft_of(
    desk: Desk, book: Book, signal: Signal, replaced: WorkingOrder | None = None
) -> Draft | SignalRefused:
    """The order that a signal makes, within every limit, with its exits; or the signal's refusal."""
    definition = desk.definition(book.instrument)
    assert definition is not None
    draft = Draft(book, signal, definition, max(signal.ts, desk.state.now), replaced)
    refusal = objection(desk, draft, _size)
    return draft if refusal is None else desk.refuse(signal, draft.ts, refusal)


def objection(desk: Desk, draft: Draft, size: Callable[[Desk, Draft], Refusal | None]) -> Refusal | None:
    """Make the order of a draft, `size` saying how much of it there is; the first thing that refuses it."""
    refusal = _market(desk, draft) or size(desk, draft)
    if refusal is None and draft.quantity:
        refusal = _direction(desk, draft) or _price(desk, draft)
    if refusal is None:
        refusal = _exits(desk, draft) or _self_trade(desk, draft)
    if refusal is None and draft.quantity:
        refusal = _limits(desk, draft)
    return refusal


def send_entry(desk: Desk, draft: Draft, reason: str = "signal") -> OrderApproved:
    """Approve the order itself."""
    return desk.approve(
        draft.book,
        draft.ts,
        draft.quantity,
        draft.form,
        reference_price=draft.signal.price,
        unit_notional=draft.unit_notional,
        signal=draft.signal,
        collar_price=draft.worst_price,
        reason=reason,
        checks=draft.passed,
    )


def protect(
    desk: Desk, draft: Draft, parent_id: str | None, replaced: Mapping[Role, WorkingOrder] | None = None
) -> list[Message]:
    """Approve the exits: a stop and a target of which one cancels the other."""
    group_id = make_id("g", draft.signal.signal_id) if len(draft.exits) > 1 else None
    return [
        desk.approve(
            draft.book,
            draft.ts,
            -draft.target,
            OrderForm(
                type=each.type,
                limit_price=each.limit_price,
                stop_price=each.stop_price,
                trail=each.trail,
                reduce_only=True,
                role=each.role,
                parent_id=parent_id,
                group_id=group_id,
                replaces=replaced.get(each.role) if replaced is not None else None,
            ),
            reference_price=draft.signal.price,
            unit_notional=ZERO,
            signal=draft.signal,
        )
        for each in draft.exits
    ]


def _market(desk: Desk, draft: Draft) -> Refusal | None:
    style, definition, ts = draft.signal.style, draft.definition, draft.ts
    if style.type not in desk.config.order_types:
        return Refusal("order_type", text=f"{style.type} orders may not pass")
    if style.time_in_force not in desk.config.times_in_force:
        return Refusal("time_in_force", text=f"{style.time_in_force} may not pass")
    if style.algo is not None:
        return Refusal("style", text="algo is not supported")
    if style.time_in_force == TimeInForce.GTD and (style.expire_at is None or style.expire_at <= ts):
        return Refusal("style", text="a gtd order that does not say when it expires, or has expired")
    if style.post_only and (style.type != OrderType.LIMIT or style.time_in_force in _AT_ONCE):
        return Refusal("style", text="post-only is for limit orders that may rest")
    settled = definition.base if definition.inverse else definition.quote
    if definition.settlement != settled:
        return Refusal("instrument", text=f"settled in {definition.settlement}, not in {settled}")
    refusal = closed(desk.state, definition, ts)
    if refusal is not None:
        return refusal
    if desk.caps(draft.book.instrument, draft.book.strategy) is None:
        return Refusal("limits", text=f"no limits are set for {draft.book.instrument}")
    if desk.account.rate(definition.settlement) is None:
        return Refusal("rate", text=f"no rate for {definition.settlement}")
    return _age(desk, draft)


def _age(desk: Desk, draft: Draft) -> Refusal | None:
    mark = desk.state.marks.get(draft.book.instrument)
    if mark is None or desk.account.price(draft.book.instrument, 1) is None:
        return Refusal("price_missing", text="no price yet")
    allowed_ms = desk.price_age_ms_max(draft.book.strategy)
    age_ms = Decimal(max(draft.ts - mark.ts_data, 0)) / NS_PER_MS
    if age_ms > allowed_ms:
        return Refusal("price_stale", allowed_ms, age_ms, "age of the price in ms")
    draft.passed = (LimitCheck(rule="price_stale", limit=allowed_ms, value=age_ms),)
    return None


def _size(desk: Desk, draft: Draft) -> Refusal | None:
    book, signal = draft.book, draft.signal
    held = draft.held
    unit_notional = desk.account.unit_notional(book.position.contract, signal.price)
    interval = desk.strategies[book.strategy].interval
    target = target_quantity(desk.config, signal, desk.capital_of(book.strategy), unit_notional, interval)
    if isinstance(target, Refusal):
        return target
    if draft.definition.kind in UNSHORTABLE or desk.config.short_allowed == "never":
        refusal = short(desk, draft, target)
        if refusal is not None and held <= 0:
            return refusal
        target = ZERO if refusal is not None else target
    lot = draft.definition.lot_size
    draft.quantity = round_down(target - held, lot)
    draft.target = held + draft.quantity
    if not draft.quantity:
        if target and not held:
            return Refusal("quantity_min", lot, abs(target), "less than a lot")
        return None
    draft.reduces = nearer_to_zero(held, draft.quantity)
    below = below_minimum(draft.definition, draft.quantity, signal.price)
    return Refusal(*below) if below is not None else None


def short(desk: Desk, draft: Draft, target: Decimal) -> Refusal | None:
    """Whether a short target may not be, for want of leave or of anybody who lends."""
    if target >= 0:
        return None
    allowed = desk.config.short_allowed
    if allowed == "always":
        return None
    if allowed != "borrowed":
        return Refusal("short", ZERO, target, "short selling is not allowed")
    lent = ZERO
    for book in desk.books_of(draft.book.instrument):
        if book is not draft.book:
            lent += max(working_quantity(book)[1] - book.position.quantity, ZERO)
    free = desk.config.borrow_quantity.get(draft.book.instrument, ZERO) - lent
    return None if -target <= free else Refusal("borrow", free, -target, "no more can be borrowed")


def nearer_to_zero(held: Decimal, quantity: Decimal) -> bool:
    """Against what is held, and not beyond zero."""
    return bool(held) and (held > 0) is not (quantity > 0) and abs(quantity) <= abs(held)


def _direction(desk: Desk, draft: Draft) -> Refusal | None:
    if draft.reduces:
        return None
    held = draft.held
    if draft.signal.style.reduce_only:
        return Refusal("reduce_only", abs(held), abs(held + draft.quantity), "the position would not shrink")
    if not _reducing(desk, draft.book):
        return None
    books = desk.books_of(draft.book.instrument)
    account_held = sum((each.position.quantity + in_flight(each) for each in books), ZERO)
    if nearer_to_zero(account_held, draft.quantity):
        return None
    return Refusal(
        "trading_state",
        abs(held),
        abs(held + draft.quantity),
        "reducing: only what brings a position nearer to zero",
    )


def _reducing(desk: Desk, book: Book) -> bool:
    """Whether only reductions may pass: of everything, or of this part."""
    if desk.state.trading is TradingState.REDUCING:
        return True
    return bool(desk.state.holds) and (
        holds.state_of(desk, book.strategy, book.instrument) is TradingState.REDUCING
    )


def _price(desk: Desk, draft: Draft) -> Refusal | None:
    """The prices of the order, the collar, and the worst price that the limits count with."""
    style, sign, collar = draft.signal.style, draft.sign, desk.config.price_collar
    market = desk.account.price(draft.book.instrument, sign)
    assert market is not None
    found = prices_of(draft.definition, style, sign, draft.signal.price, market, collar)
    if isinstance(found, Refusal):
        return found
    draft.passed += (LimitCheck(rule="price_collar", limit=collar, value=found.distance),)
    draft.worst_price = found.worst
    contract, account = draft.book.position.contract, desk.account
    if contract.inverse:
        draft.unit_notional = max(
            account.unit_notional(contract, price) for price in (found.worst, found.dearest, market)
        )
    else:  # it grows with the price
        draft.unit_notional = account.unit_notional(contract, max(found.worst, found.dearest, market))
    if style is PLAIN and draft.replaced is None:
        return None  # the form is the default one
    draft.form = OrderForm(
        type=OrderType(style.type),
        limit_price=found.limit,
        stop_price=found.stop,
        trail=found.trail,
        time_in_force=TimeInForce(style.time_in_force),
        expire_at=style.expire_at,
        post_only=style.post_only,
        reduce_only=style.reduce_only,
        replaces=draft.replaced,
    )
    return None


def _exits(desk: Desk, draft: Draft) -> Refusal | None:
    """The stop and the target, where the signal wants them and there is something to protect."""
    signal, target = draft.signal, draft.target
    style = signal.style
    if style.stop_loss is None and style.take_profit is None and style.trail is None:
        return None
    if not wanted(style):
        return None
    if signal.direction is Direction.FLAT:
        return Refusal("style", text="a signal to be flat leaves nothing to protect")
    if not target:
        return None
    reference = signal.price
    if draft.quantity:
        reference = draft.form.limit_price or draft.form.stop_price or signal.price
    found = exits_of(desk.config, draft.definition, signal.style, 1 if target > 0 else -1, reference)
    if isinstance(found, Refusal):
        return found
    draft.exits = found
    return None


def _self_trade(desk: Desk, draft: Draft) -> Refusal | None:
    """Whether an order would meet one of our own that rests on the other side; at market, at the collar."""
    books = [book for book in desk.books_of(draft.book.instrument) if book.working]
    if not books:
        return None
    orders = [(draft.sign, draft.form.limit_price, draft.worst_price)] if draft.quantity else []
    exit_sign = -1 if draft.target > 0 else 1
    orders += [(exit_sign, each.limit_price, each.limit_price) for each in draft.exits if each.limit_price]
    for book in books:
        for order in book.working.values():
            for sign, limit, reach in orders:
                replaced = draft.replaced is not None and order.order_id == draft.replaced.order_id
                if order.sign != sign and not replaced and meets(order, sign, reach):
                    text = f"order {order.order_id} of {book.strategy} rests there"
                    return Refusal("self_trade", order.limit_price, limit, text)
    return None


def _limits(desk: Desk, draft: Draft) -> Refusal | None:
    caps = desk.caps(draft.book.instrument, draft.book.strategy)
    assert caps is not None
    facts = _facts(desk, draft, abs(draft.quantity))
    passed = list(draft.passed)
    for rule, cap, fact in zip(RULES, caps, facts, strict=True):
        if fact <= cap:
            passed.append(LimitCheck(rule=rule, limit=cap, value=fact))
        elif not (draft.reduces and rule in SPARE_REDUCTIONS) and not _as_it_was(desk, draft, rule, fact):
            return Refusal(rule, cap, fact)
    for rule, limit, value, _ in measured(desk.account, draft.ts):
        if value < limit:
            passed.append(LimitCheck(rule=rule, limit=limit, value=value))
        elif not draft.reduces:
            return Refusal(rule, limit, value)
    draft.passed = tuple(passed)
    return None


def _as_it_was(desk: Desk, draft: Draft, rule: str, fact: Decimal) -> bool:
    """Whether a measure, which prices have carried above its cap, would not be raised."""
    return rule in MEASURES and fact <= _facts(desk, draft, ZERO)[RULES.index(rule)]


def _facts(desk: Desk, draft: Draft, size: Decimal) -> Facts:
    added, notional = size, size * draft.unit_notional
    if draft.replaced is not None:
        # Until the replacement takes effect the other one works: of the two, what is more.
        old = draft.replaced
        added = max(size - old.quantity_left, ZERO)
        notional = max(notional - old.quantity_left * old.unit_notional, ZERO)
    found = measure(desk.account, draft.book, draft.sign, added, notional)
    equity = desk.state.account.equity
    return Facts(
        size,
        notional if draft.replaced is None else size * draft.unit_notional,
        found.position_quantity_worst,
        found.position_worst,
        found.instrument_worst,
        found.strategy_worst,
        found.gross_worst,
        found.net_worst,
        fit(found.gross_worst / equity) if equity > 0 else _BOUNDLESS,
        Decimal(desk.orders_within(draft.ts, NS_PER_SECOND) + len(draft.exits)),
        Decimal(desk.orders_within(draft.ts, _MINUTE) + len(draft.exits)),
    )
