"""Orders that an operator places or changes: within the same limits as a signal's, without being one.

A signal says what position a strategy wants; an operator says which order. So a manual order adds to what the
strategy `manual` holds and has working, and cancels nothing. Its book is like any other: positions, limits,
stops, flatten. What is refused changes nothing, and the answer says the rule, the limit and the value.
"""

from penstock_contracts.control import Command, ManualOrder
from penstock_contracts.signals import OrderStyle, Signal
from penstock_contracts.types import Direction, Side, TargetKind
from penstock_kernel.ids import make_id
from penstock_kernel.money import round_down
from penstock_kernel.session import MANUAL

from penstock_risk.answers import Answer, refused
from penstock_risk.decide import UNSHORTABLE, Draft, gate, nearer_to_zero, objection, send_entry, short
from penstock_risk.desk import Desk
from penstock_risk.limits import Refusal
from penstock_risk.sizing import below_minimum
from penstock_risk.state import Book, WorkingOrder


def place(desk: Desk, command: Command, ts: int) -> Answer:
    """A new order in the name of `manual`."""
    wish, instrument = command.order, command.instrument
    if wish is None or instrument is None:
        return Answer(False, "place needs an instrument and an order")
    if command.strategy not in (None, MANUAL):
        return Answer(False, f"orders are placed for {MANUAL}: what a strategy holds is its own decision")
    if any(each.name == MANUAL for each in desk.session.strategies):
        return Answer(False, f"a strategy of the session is named {MANUAL}")
    return _send(desk, command, wish, MANUAL, instrument, ts)


def modify(desk: Desk, command: Command, ts: int) -> Answer:
    """An order that takes the place of one that works, in the same book."""
    wish = command.order
    if wish is None or command.order_id is None:
        return Answer(False, "modify needs an order's id, and what it is to become")
    found = _find(desk, command.order_id)
    if found is None:
        return Answer(False, f"no order {command.order_id} works")
    book, old = found
    why = _unchangeable(book, old, wish)
    if why:
        return Answer(False, f"order {old.order_id} cannot be changed: {why}")
    return _send(desk, command, wish, book.strategy, book.instrument, ts, old)


def _find(desk: Desk, order_id: str) -> tuple[Book, WorkingOrder] | None:
    return next((
        (book, book.working[order_id]) for book in desk.state.books if order_id in book.working
    ), None)  # fmt: skip


def _unchangeable(book: Book, old: WorkingOrder, wish: ManualOrder) -> str:
    if old.closing:
        return "risk closes a position with it"
    if old.protects:
        return "it protects a position: its strategy changes it"
    if not old.accepted:
        return "the venue has not confirmed it yet"
    if old.cancel_requested:
        return "it is being cancelled"
    if any(each.replaces == old.order_id for each in book.working.values()):
        return "it is being replaced"
    if (1 if wish.side is Side.BUY else -1) != old.sign or wish.type != old.type:
        return "side and type stay: cancel it, and place another"
    return ""


def _send(
    desk: Desk,
    command: Command,
    wish: ManualOrder,
    strategy: str,
    instrument: str,
    ts: int,
    replaced: WorkingOrder | None = None,
) -> Answer:
    """The order, if nothing objects to it. Without a price that the operator saw, the market's is taken."""
    definition = desk.definition(instrument)
    if definition is None:
        return refused(Refusal("instrument", text=f"{instrument} is not defined"))
    seen = wish.price or desk.account.price(instrument, 1 if wish.side is Side.BUY else -1)
    if seen is None:
        return refused(Refusal("price_missing", text=f"{instrument} has no price yet"))
    signal = Signal(
        signal_id=make_id("m", desk.session.session_id, command.command_id),
        strategy=strategy,
        instrument=instrument,
        ts=ts,
        ordinal=0,
        direction=Direction.LONG if wish.side is Side.BUY else Direction.SHORT,
        target_kind=TargetKind.QUANTITY,
        target=wish.quantity,
        price=seen,
        style=_style(wish),
    )
    refusal = gate(desk, signal)
    if refusal is not None:
        return refused(refusal)
    draft = Draft(desk.book(strategy, definition), signal, definition, ts, replaced)
    refusal = objection(desk, draft, _whole)
    if refusal is not None:
        return refused(refusal)
    order = send_entry(desk, draft, "manual" if replaced is None else "modify")
    text = f"{command.verb} by {command.by}" + (f": {command.reason}" if command.reason else "")
    return Answer(True, text, (order,), order_id=order.order_id)


def _style(wish: ManualOrder) -> OrderStyle:
    return OrderStyle(
        type=wish.type,
        limit_price=wish.limit_price,
        stop_price=wish.stop_price,
        trail=wish.trail,
        time_in_force=wish.time_in_force,
        expire_at=wish.expire_at,
        post_only=wish.post_only,
        reduce_only=wish.reduce_only,
    )


def _whole(desk: Desk, draft: Draft) -> Refusal | None:
    """As much as the operator said: an order is refused rather than sent smaller."""
    signal, lot, held = draft.signal, draft.definition.lot_size, draft.held
    size = round_down(signal.target, lot)
    if size != signal.target:
        return Refusal("lot_size", lot, signal.target, "not a multiple of the lot")
    draft.quantity = size if signal.direction is Direction.LONG else -size
    draft.target = held + draft.quantity
    if draft.definition.kind in UNSHORTABLE or desk.config.short_allowed == "never":
        refusal = short(desk, draft, draft.target)
        if refusal is not None:
            return refusal
    draft.reduces = nearer_to_zero(held, draft.quantity)
    below = below_minimum(draft.definition, draft.quantity, signal.price)
    return Refusal(*below) if below is not None else None
