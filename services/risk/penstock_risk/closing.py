"""Closing positions: cancel what works, then close at market when nothing works any more."""

from collections.abc import Callable
from decimal import Decimal

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import TradingStateChanged
from penstock_contracts.types import TradingState
from penstock_kernel.errors import HaltError
from penstock_kernel.hours import expired
from penstock_kernel.ledger import plain
from penstock_kernel.money import ONE, ZERO

from penstock_risk import holds
from penstock_risk.desk import Desk, OrderForm, no_position
from penstock_risk.hours import closing_waits
from penstock_risk.limits import Refusal
from penstock_risk.state import Book, WorkingOrder
from penstock_risk.trading import Event, next_state


def move(
    desk: Desk,
    ts: int,
    event: Event,
    reason: str,
    refusal: Refusal | None = None,
    command_id: str | None = None,
) -> TradingStateChanged:
    """Move the trading state and say so. Raises IllegalTransition, and changes nothing, where it may not."""
    previous = desk.state.trading
    desk.state.trading = next_state(previous, event)
    return TradingStateChanged(
        ts=ts,
        state=desk.state.trading,
        previous=previous,
        reason=reason,
        rule=refusal.rule if refusal is not None else None,
        limit=refusal.limit if refusal is not None else None,
        value=refusal.value if refusal is not None else None,
        command_id=command_id,
        holds=holds.told(desk),
    )


def refuse_waiting(desk: Desk, book: Book, ts: int, refusal: Refusal) -> list[Message]:
    """A signal that waits is refused: what it waited for will not come."""
    waiting, book.waiting = book.waiting, None
    return [] if waiting is None else [desk.refuse(waiting, max(ts, waiting.ts), refusal)]


def begin(desk: Desk, ts: int, reason: str, within: Callable[[Book], bool] = lambda _: True) -> list[Message]:
    """Close the positions of the books in question: `advance` sends the orders when nothing works there.

    Parts that an operator halted stay as they are.
    """
    outputs: list[Message] = []
    for book in desk.state.books:
        if not within(book) or no_position(book) or holds.halted(desk, book):
            continue
        desk.close(book, reason)
        outputs += refuse_waiting(
            desk, book, ts, Refusal("closing", text=f"the position is being closed: {reason}")
        )
        outputs += desk.cancel_signal_orders(book, ts, reason)
    return outputs


def halt(desk: Desk, ts: int, within: Callable[[Book], bool] = lambda _: True) -> list[Message]:
    """Cancel everything in question and leave the positions as they are."""
    outputs: list[Message] = []
    for book in desk.state.books:
        if not within(book):
            continue
        desk.close(book, "")
        outputs += refuse_waiting(desk, book, ts, Refusal("trading_state", text="halted"))
        for order in book.working.values():
            outputs += desk.cancel(book, order, ts, "halt")
    return outputs


def halt_for(desk: Desk, ts: int, reason: str) -> list[Message]:
    """Go to HALTED for a reason that risk found itself."""
    return [move(desk, ts, Event.HALT, reason), *halt(desk, ts)]


def advance(desk: Desk, ts: int) -> list[Message]:
    """Send the closing orders that may go now, at most one per book and interval."""
    outputs: list[Message] = []
    if desk.state.trading is TradingState.HALTED:
        return outputs
    for book in desk.state.books:
        if not book.closing or book.working:
            continue
        if not book.position.quantity:
            desk.close(book, "")
            continue
        if closing_waits(desk.state, _definition(desk, book), ts):
            continue
        crossed = _cancel_crossed(desk, book, ts)
        if crossed is not None:
            outputs += crossed
            continue
        outputs.append(_close(desk, book, ts))
    return outputs


def expire(desk: Desk, ts: int) -> list[Message]:
    """Settle the positions in what has expired; while HALTED they stay as they are."""
    if desk.state.trading is TradingState.HALTED:
        return []
    return begin(desk, ts, "expiry", lambda book: not book.closing and expired(_definition(desk, book), ts))


def _definition(desk: Desk, book: Book) -> Instrument:
    definition = desk.definition(book.instrument)
    assert definition is not None
    return definition


def _cancel_crossed(desk: Desk, book: Book, ts: int) -> list[Message] | None:
    """Cancel other strategies' resting orders that the closing order could meet; None if there are none."""
    closing_sign = -1 if book.position.quantity > 0 else 1
    price = desk.account.price(book.instrument, closing_sign)
    reach = None if price is None else price * (ONE + closing_sign * desk.config.price_collar)
    found: list[Message] | None = None
    for each in desk.books_of(book.instrument):
        for order in each.working.values():
            if order.sign != closing_sign and meets(order, closing_sign, reach):
                found = (found or []) + desk.cancel(each, order, ts, book.closing)
    return found


def meets(order: WorkingOrder, sign: int, reach: Decimal | None) -> bool:
    """Whether an order on the other side that goes as far as `reach` would meet this resting one."""
    resting = order.limit_price
    return resting is not None and (reach is None or sign * (reach - resting) >= 0)


def _close(desk: Desk, book: Book, ts: int) -> Message:
    quantity = -book.position.quantity
    price = desk.account.price(book.instrument, 1 if quantity > 0 else -1)
    if price is None:
        raise HaltError(f"{book.strategy} holds {book.instrument}, which never had a price")
    return desk.approve(
        book,
        ts,
        quantity,
        OrderForm(reduce_only=True),
        reference_price=price,
        unit_notional=desk.account.unit_notional(book.position.contract, price),
        reason="expiry" if expired(_definition(desk, book), ts) else book.closing,
    )


def stop_trading(desk: Desk, ts: int, rule: Refusal, ends: bool, until: int) -> list[Message]:
    """A stop condition was reached: through REDUCING, everything is closed."""
    text = f"{rule.rule}: {plain(rule.value or ZERO)} has reached {plain(rule.limit or ZERO)}"
    changed = move(desk, ts, Event.STOP, text, rule)
    if ends:
        desk.state.stop = text
    else:
        desk.state.waiting_day = rule.rule
        desk.state.waiting_until = until
    return [changed, *begin(desk, ts, "stop")]
