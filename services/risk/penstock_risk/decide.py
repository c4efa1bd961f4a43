"""The decision on one signal: gate, size, price, limits, in that order; the first objection refuses."""

from dataclasses import dataclass
from decimal import Decimal

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import LimitCheck
from penstock_contracts.signals import Signal
from penstock_contracts.types import InstrumentKind, MarketStatus, OrderType, Outcome, TradingState
from penstock_kernel.grid import NS_PER_MS, NS_PER_SECOND
from penstock_kernel.money import ONE, ZERO, round_down, round_up, unit

from penstock_risk.desk import Desk, resolved
from penstock_risk.exposure import in_flight, measure
from penstock_risk.limits import MEASURES, RULES, SPARE_REDUCTIONS, Facts, Refusal, checks
from penstock_risk.sizing import below_minimum, target_quantity
from penstock_risk.state import Book
from penstock_risk.stops import measured, stop_checks

_UNSHORTABLE = frozenset({InstrumentKind.SPOT, InstrumentKind.EQUITY})
_UNSUPPORTED = ("stop_price", "take_profit", "stop_loss", "trail", "algo")
_MINUTE = 60 * NS_PER_SECOND


@dataclass(slots=True)
class Draft:
    """An order in the making."""

    book: Book
    signal: Signal
    definition: Instrument
    ts: int
    quantity: Decimal = ZERO
    """Signed."""
    reduces: bool = False
    """It brings the strategy's own position nearer to zero, and not beyond."""
    reduce_only: bool = False
    limit_price: Decimal | None = None
    worst_price: Decimal = ZERO
    unit_notional: Decimal = ZERO
    passed: tuple[LimitCheck, ...] = ()

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
    book = desk.find(signal.strategy, signal.instrument)
    if book is not None and book.closing:
        return Refusal("closing", text=f"the position is being closed: {book.closing}")
    return None


def decide(desk: Desk, book: Book, signal: Signal) -> Message:
    """The outcome of a signal for which nothing works any more."""
    definition = desk.definition(book.instrument)
    assert definition is not None
    draft = Draft(book, signal, definition, max(signal.ts, desk.state.now))
    refusal = _market(desk, draft)
    if refusal is None:
        refusal = _size(desk, draft)
    if refusal is None and not draft.quantity:
        return resolved(signal, draft.ts, Outcome.NO_CHANGE)
    if refusal is None:
        refusal = _direction(desk, draft) or _price(desk, draft) or _self_trade(desk, draft)
    if refusal is None:
        refusal = _limits(desk, draft)
    if refusal is not None:
        return desk.refuse(signal, draft.ts, refusal)
    return desk.approve(
        book,
        draft.ts,
        draft.quantity,
        reference_price=signal.price,
        unit_notional=draft.unit_notional,
        signal=signal,
        limit_price=draft.limit_price,
        collar_price=draft.worst_price,
        reduce_only=draft.reduce_only,
        checks=draft.passed,
    )


def _market(desk: Desk, draft: Draft) -> Refusal | None:
    style, definition, ts = draft.signal.style, draft.definition, draft.ts
    if style.type not in desk.config.order_types:
        return Refusal("order_type", text=f"{style.type} orders may not pass")
    if style.time_in_force not in desk.config.times_in_force:
        return Refusal("time_in_force", text=f"{style.time_in_force} may not pass")
    for name in _UNSUPPORTED:
        if getattr(style, name) is not None:
            return Refusal("style", text=f"{name} is not supported")
    settled = definition.base if definition.inverse else definition.quote
    if definition.settlement != settled:
        return Refusal("instrument", text=f"settled in {definition.settlement}, not in {settled}")
    status = desk.state.statuses.get(draft.book.instrument, definition.status)
    if status is not MarketStatus.TRADING:
        return Refusal("market_closed", text=status.value)
    if definition.expiry is not None and ts >= definition.expiry:
        return Refusal("market_closed", text="expired")
    if desk.caps(draft.book.instrument) is None:
        return Refusal("limits", text=f"no limits are set for {draft.book.instrument}")
    if desk.account.rate(definition.settlement) is None:
        return Refusal("rate", text=f"no rate for {definition.settlement}")
    return _age(desk, draft)


def _age(desk: Desk, draft: Draft) -> Refusal | None:
    mark = desk.state.marks.get(draft.book.instrument)
    if mark is None or desk.account.price(draft.book.instrument, 1) is None:
        return Refusal("price_missing", text="no price yet")
    config = desk.config
    interval = desk.strategies[draft.book.strategy].interval
    allowed = max(config.price_age_ms_max * NS_PER_MS, config.price_age_intervals_max * interval)
    age_ms = Decimal(max(draft.ts - mark.ts_data, 0)) / NS_PER_MS
    allowed_ms = Decimal(allowed) / NS_PER_MS
    if age_ms > allowed_ms:
        return Refusal("price_stale", allowed_ms, age_ms, "age of the price in ms")
    draft.passed = (LimitCheck(rule="price_stale", limit=allowed_ms, value=age_ms),)
    return None


def _size(desk: Desk, draft: Draft) -> Refusal | None:
    book, signal = draft.book, draft.signal
    held = book.position.quantity + in_flight(book)
    unit_notional = desk.account.unit_notional(book.position.contract, signal.price)
    target = target_quantity(desk.config, signal, desk.capital_of(book.strategy), unit_notional)
    if target < 0 and not _may_short(desk, draft.definition):
        if held <= 0:
            return Refusal("short", ZERO, target, "short selling is not allowed")
        target = ZERO
    lot = draft.definition.lot_size
    draft.quantity = round_down(target - held, lot)
    if not draft.quantity:
        if target and not held:
            return Refusal("quantity_min", lot, abs(target), "less than a lot")
        return None
    draft.reduces = _nearer_to_zero(held, draft.quantity)
    below = below_minimum(draft.definition, draft.quantity, signal.price)
    return Refusal(*below) if below is not None else None


def _may_short(desk: Desk, definition: Instrument) -> bool:
    allowed = desk.config.short_allowed
    return allowed == "always" or (allowed == "derivatives" and definition.kind not in _UNSHORTABLE)


def _nearer_to_zero(held: Decimal, quantity: Decimal) -> bool:
    """Against what is held, and not beyond zero."""
    return bool(held) and (held > 0) is not (quantity > 0) and abs(quantity) <= abs(held)


def _direction(desk: Desk, draft: Draft) -> Refusal | None:
    held = draft.book.position.quantity + in_flight(draft.book)
    draft.reduce_only = draft.signal.style.reduce_only
    if draft.reduce_only and not draft.reduces:
        return Refusal("reduce_only", abs(held), abs(held + draft.quantity), "the position would not shrink")
    if desk.state.trading is not TradingState.REDUCING or draft.reduces:
        return None
    books = desk.books_of(draft.book.instrument)
    account_held = sum((each.position.quantity + in_flight(each) for each in books), ZERO)
    if _nearer_to_zero(account_held, draft.quantity):
        return None
    return Refusal(
        "trading_state",
        abs(held),
        abs(held + draft.quantity),
        "reducing: only what brings a position nearer to zero",
    )


def _price(desk: Desk, draft: Draft) -> Refusal | None:
    """The collar, and the worst price that the limits count with."""
    style, sign, collar = draft.signal.style, draft.sign, desk.config.price_collar
    market = desk.account.price(draft.book.instrument, sign)
    assert market is not None
    decided = draft.signal.price
    if style.type is OrderType.LIMIT:
        if style.limit_price is None:
            return Refusal("limit_price", text="a limit order without a limit price")
        step = draft.definition.tick_size or unit(draft.definition.price_decimals)
        # Passive: a buy not above its limit, a sell not below it.
        decided = round_down(style.limit_price, step) if sign > 0 else round_up(style.limit_price, step)
        if decided <= 0:
            return Refusal("limit_price", step, style.limit_price, "below the first tick")
        draft.limit_price = decided
    distance = abs(decided / market - ONE)
    if distance > collar:
        return Refusal("price_collar", collar, distance, f"{decided} is too far from the market's {market}")
    draft.passed += (LimitCheck(rule="price_collar", limit=collar, value=distance),)
    draft.worst_price = draft.limit_price or decided * (ONE + sign * collar)
    contract, account = draft.book.position.contract, desk.account
    draft.unit_notional = max(
        account.unit_notional(contract, draft.worst_price), account.unit_notional(contract, market)
    )
    return None


def _self_trade(desk: Desk, draft: Draft) -> Refusal | None:
    """Whether the order would meet one of our own that rests on the other side."""
    for book in desk.books_of(draft.book.instrument):
        for order in book.working.values():
            resting = order.limit_price
            if resting is None or order.sign == draft.sign:
                continue
            limit = draft.limit_price
            if limit is None or (limit - resting) * draft.sign >= 0:
                return Refusal(
                    "self_trade", resting, limit, f"order {order.order_id} of {book.strategy} rests there"
                )
    return None


def _limits(desk: Desk, draft: Draft) -> Refusal | None:
    caps = desk.caps(draft.book.instrument)
    assert caps is not None
    facts = _facts(desk, draft, abs(draft.quantity))
    for number, (rule, cap, fact) in enumerate(zip(RULES, caps, facts, strict=True)):
        if fact <= cap or (draft.reduces and rule in SPARE_REDUCTIONS):
            continue
        if rule in MEASURES and fact <= _facts(desk, draft, ZERO)[number]:
            continue
        return Refusal(rule, cap, fact)
    stops = list(measured(desk.account, draft.ts))
    for stop in stops:
        if stop.reached and not draft.reduces:
            return Refusal(stop.rule, stop.limit, stop.value)
    draft.passed = (*draft.passed, *checks(caps, facts), *stop_checks(stops))
    return None


def _facts(desk: Desk, draft: Draft, size: Decimal) -> Facts:
    found = measure(desk.account, draft.book, draft.sign, size, size * draft.unit_notional)
    return Facts(
        size,
        size * draft.unit_notional,
        found.position_quantity_worst,
        found.position_worst,
        found.instrument_worst,
        found.gross_worst,
        found.net_worst,
        Decimal(desk.orders_within(draft.ts, NS_PER_SECOND)),
        Decimal(desk.orders_within(draft.ts, _MINUTE)),
    )
