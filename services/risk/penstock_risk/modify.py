"""Changing what works in its place, for signals that ask for it, instead of cancelling it first."""

from penstock_contracts.base import Message
from penstock_contracts.orders import SignalRefused
from penstock_contracts.signals import Signal
from penstock_contracts.types import Outcome

from penstock_risk.decide import Draft, draft_of, protect, send_entry
from penstock_risk.desk import Desk, OrderForm, resolved
from penstock_risk.exits import Exit
from penstock_risk.state import Book, Role, WorkingOrder


def modify(desk: Desk, book: Book, signal: Signal) -> list[Message]:
    """Replace the one entry that works, or the exits of a position that nothing else changes.

    Nothing comes back where that is not possible: what works is then cancelled first, as ever. A signal
    that is refused leaves everything as it was.
    """
    working = [order for order in book.working.values() if not order.closing]
    if not working or not all(_changeable(book, order) for order in working):
        return []
    by_role = {order.role: order for order in working}
    if len(by_role) < len(working) or ("entry" in by_role and len(by_role) > 1):
        return []
    entry = by_role.get("entry")
    draft = draft_of(desk, book, signal, entry)
    if isinstance(draft, SignalRefused):
        return [draft]
    if entry is not None:
        return _modify_entry(desk, draft, entry)
    return _modify_exits(desk, draft, by_role)


def _changeable(book: Book, order: WorkingOrder) -> bool:
    replaced_already = any(each.replaces == order.order_id for each in book.working.values())
    return order.accepted and not order.cancel_requested and not replaced_already


def _modify_entry(desk: Desk, draft: Draft, old: WorkingOrder) -> list[Message]:
    if draft.exits or draft.quantity * old.sign <= 0 or draft.form.type is not old.type:
        return []
    if abs(draft.quantity) == old.quantity_left and _same_prices(draft.form, old):
        return [resolved(draft.signal, draft.ts, Outcome.NO_CHANGE)]
    return [send_entry(desk, draft)]


def _modify_exits(desk: Desk, draft: Draft, by_role: dict[Role, WorkingOrder]) -> list[Message]:
    if draft.quantity or not draft.exits:
        return []
    if any(order.quantity_left != abs(draft.target) for order in by_role.values()):
        return []
    kept = [each for each in draft.exits if each.role in by_role and _same_prices(each, by_role[each.role])]
    if len(kept) == len(draft.exits) == len(by_role):
        return [resolved(draft.signal, draft.ts, Outcome.NO_CHANGE)]
    dropped = [order for role, order in by_role.items() if all(each.role != role for each in draft.exits)]
    outputs = protect(desk, draft, None, by_role)
    for order in dropped:
        outputs += desk.cancel(draft.book, order, draft.ts, "new_signal")
    return outputs


def _same_prices(made: OrderForm | Exit, old: WorkingOrder) -> bool:
    return (made.type, made.limit_price, made.stop_price, made.trail) == (
        old.type,
        old.limit_price,
        old.stop_price,
        old.trail,
    )
