"""Orders that depend on others: brackets, one-cancels-other groups, reduce-only."""

from decimal import Decimal

from penstock_kernel.money import ZERO

from penstock_execution.paper.state import Market, VenueOrder

Ending = tuple[VenueOrder, str]
"""An order that ends because of another, and why."""


def room(market: Market, order: VenueOrder) -> Decimal:
    """How much of an order may fill now: less than what is left where others filled, or little is held."""
    most = order.left - order.ceded
    if not order.reduce_only:
        return most
    return min(most, -order.sign * market.positions.get(order.strategy, ZERO))


def book_fill(market: Market, order: VenueOrder, quantity: Decimal) -> None:
    """A fill moves the strategy's position, and takes from the others of the order's group."""
    held = market.positions.get(order.strategy, ZERO) + order.sign * quantity
    if held:
        market.positions[order.strategy] = held
    else:
        market.positions.pop(order.strategy, None)
    if order.group:
        for other in market.orders:
            if other.group == order.group and other is not order:
                other.ceded += quantity


def activated_by(market: Market, order: VenueOrder, ts: int) -> list[VenueOrder]:
    """The orders that a fill at `ts` of their parent sets to work."""
    found = [each for each in market.orders if each.held and each.parent == order.order_id]
    for child in found:
        child.held = False
        child.ts_effect = max(child.ts_effect, ts)
    return found


def ended_by_fill(market: Market, order: VenueOrder) -> list[Ending]:
    """What ends because the order has filled: the rest of its parent, and what has nothing left to do."""
    parent = [(each, "bracket") for each in market.orders if order.parent and each.order_id == order.parent]
    return [*parent, *_spent(market, order.strategy)]


def ended_by_end(market: Market, order: VenueOrder) -> list[Ending]:
    """What ends because the order is over: what waits for its first fill, what has nothing left to do."""
    children = [(each, "parent") for each in market.orders if each.held and each.parent == order.order_id]
    return [*children, *_spent(market, order.strategy)]


def _spent(market: Market, strategy: str) -> list[Ending]:
    """Orders for which no room is left, and will not be while nothing else fills."""
    found: list[Ending] = []
    for each in market.orders:
        if each.strategy != strategy or not each.arrived or each.held:
            continue
        if not (each.reduce_only or each.group) or room(market, each) > 0:
            continue
        if not any(other.order_id == each.parent for other in market.orders):
            found.append((each, "oco" if each.ceded else "reduce_only"))
    return found


def inherit(order: VenueOrder, old: VenueOrder) -> None:
    """Take an order's place: in its bracket, and in the queue at the same price for no larger a size."""
    order.parent, order.held = old.parent, old.held
    if order.trail is not None and order.trigger is None:
        order.trigger = old.trigger
    if old.resting and order.limit == old.limit and order.left <= old.left:
        order.resting, order.queue = True, old.queue
