"""From an approval to an order at the venue, or to the reason why there is none."""

from decimal import Decimal

from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import NEVER, OrderType, TimeInForce
from penstock_kernel.grid import NS_PER_DAY

from penstock_execution.paper.state import Market, VenueOrder

_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
SETTLES = "expiry"
_LAST = frozenset({SETTLES, "ended"})
"""Reasons of risk's own orders that wait for no session: there will be none."""
_TRIGGER_SIDE = {
    OrderType.STOP: 1,
    OrderType.STOP_LIMIT: 1,
    OrderType.TRAILING_STOP: 1,
    OrderType.TAKE_PROFIT: -1,
}
"""Times the order's sign: a stop to buy waits for a rise, a take-profit that buys for a fall."""


def refusal_of(approval: OrderApproved, ts_effect: int) -> str:
    """What makes it no order that any venue could take; empty if nothing does."""
    kind, force = approval.type, approval.time_in_force
    if kind is OrderType.MARKET and force is TimeInForce.GTC and not approval.post_only and not approval.algo:
        return ""
    if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} and approval.limit_price is None:
        return f"venue: a {kind} order without a limit price"
    if kind in _TRIGGER_SIDE and kind is not OrderType.TRAILING_STOP and approval.stop_price is None:
        return f"venue: a {kind} order without a stop price"
    if kind is OrderType.TRAILING_STOP and approval.trail is None:
        return "venue: a trailing_stop order without a trail"
    if force is TimeInForce.GTD and (approval.expire_at is None or approval.expire_at <= ts_effect):
        return "venue: a gtd order that has expired, or does not say when it does"
    if approval.post_only and (kind is not OrderType.LIMIT or force in _AT_ONCE):
        return f"venue: a post-only order must be a limit that may rest, not {kind} {force}"
    if approval.algo is not None:
        return "venue: no algo orders on paper"
    return ""


def closed_to(approval: OrderApproved, ts_effect: int, market: Market) -> str:
    """Why the market's schedule does not let an order in; empty if it does, or the order is a last one."""
    hours = market.hours
    if approval.reason in _LAST or hours is None or hours.open_at(ts_effect):
        return ""
    return "venue: expired" if market.expired else "venue: the market is closed"


def order_of(approval: OrderApproved, arrival: int, ts_effect: int, market: Market) -> VenueOrder:
    """The order that an approval describes."""
    kind, sign = approval.type, approval.side.sign
    expires = _expiry(approval, ts_effect, market)
    return VenueOrder(
        order_id=approval.order_id,
        arrival=arrival,
        strategy=approval.strategy,
        sign=sign,
        limit=approval.limit_price if kind in _LIMITED else None,
        immediate=approval.time_in_force in _AT_ONCE,
        left=approval.quantity,
        reference=approval.reference_price,
        ts_effect=ts_effect,
        whole=approval.time_in_force is TimeInForce.FOK,
        post_only=approval.post_only,
        reduce_only=approval.reduce_only,
        waiting=kind in _TRIGGER_SIDE,
        trigger=approval.stop_price if kind in _TRIGGER_SIDE else None,
        trigger_sign=sign * _TRIGGER_SIDE.get(kind, 0),
        trail=approval.trail if kind is OrderType.TRAILING_STOP else None,
        arrived=not (approval.post_only or approval.replaces or _reduces_alone(approval)),
        parent=approval.parent_id or "",
        held=approval.parent_id is not None,
        group=approval.group_id or "",
        replaces=approval.replaces or "",
        replaces_left=approval.replaces_left,
        settles=approval.reason == SETTLES,
        ts_cancel=expires,
        expires=expires != NEVER,
    )


def _reduces_alone(approval: OrderApproved) -> bool:
    """Reduce-only of what is there already, not of what its parent will bring."""
    return approval.reduce_only and approval.parent_id is None


def _expiry(approval: OrderApproved, ts_effect: int, market: Market) -> int:
    """When it expires, ns: never later than its instrument; NEVER for most."""
    if approval.reason in _LAST:
        return NEVER
    last = market.instrument.expiry or NEVER
    if approval.time_in_force is TimeInForce.GTC:
        return last
    if approval.time_in_force is TimeInForce.DAY:
        day_end = market.hours.day_end if market.hours is not None else None
        if day_end is None or day_end <= ts_effect:
            day_end = (ts_effect // NS_PER_DAY + 1) * NS_PER_DAY
        return min(day_end, last)
    if approval.time_in_force is TimeInForce.GTD and approval.expire_at is not None:
        return min(approval.expire_at, last)
    return last


def triggered_by(order: VenueOrder, price: Decimal) -> bool:
    """Whether a price triggers an order that waits."""
    return order.trigger is not None and order.trigger_sign * (price - order.trigger) >= 0


def follow_price(order: VenueOrder, price: Decimal) -> None:
    """Let the trigger of a trailing stop follow a price, if it went its way."""
    if order.trail is None:
        return
    trigger = price + order.trigger_sign * order.trail
    if order.trigger is None or order.trigger_sign * (trigger - order.trigger) < 0:
        order.trigger = trigger
