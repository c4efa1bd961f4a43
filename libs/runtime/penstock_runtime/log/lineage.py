"""What an order's messages follow from: the same in every topology, and after every restart.

The paper venue fills an order because of a tick, but the fill belongs to the order's trace. So each service
keeps, for the signals and orders that it has to do with, the context of the last message that leads on: a
function of what the service took and made, and part of its snapshot.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from penstock_contracts import headers
from penstock_contracts.base import Message
from penstock_contracts.headers import Origin
from penstock_contracts.orders import (
    CancelRequested,
    OrderApproved,
    PositionChanged,
    SignalRefused,
    SignalResolved,
)
from penstock_contracts.signals import Signal
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel import tracing
from penstock_kernel.ids import span_id

from penstock_runtime.log.delivery import times_in, traceparent_in

RECENT = 256
"""Signals, and fills, that are remembered."""
ORDERS_MAX = 8192
"""Orders that are remembered until they end."""


class Context(NamedTuple):
    """What a message carries on: its traceparent, and the wall time when it was made, ns (0: unknown)."""

    traceparent: str
    made_ns: int


class Cause(NamedTuple):
    """The input that an output follows from, as far as tracing needs it."""

    origin: Origin | None
    block: bytes
    subject: str
    received_ns: int


class Trace(NamedTuple):
    """What the headers of an output say; empty texts are left out."""

    traceparent: str
    parent: str = ""
    trail: str = ""
    link: str = ""
    since_ns: int = 0
    """Wall time since when its order is under way; 0 where its work began when its input was taken."""


class Lineage:
    """The contexts that one service needs."""

    def __init__(self) -> None:
        self._recent: dict[str, OrderedDict[str, Context]] = {"signal": OrderedDict(), "fill": OrderedDict()}
        self._orders: OrderedDict[str, Context] = OrderedDict()

    def took(self, message: Message, block: bytes) -> None:
        """Take note of an input with its header block."""
        note = _NOTES.get(type(message))
        if note is not None:
            note(self, message, Context(traceparent_in(block), times_in(block)[1]))

    def made(self, message: Message, traceparent: str, made_ns: int) -> None:
        """Take note of an output."""
        note = _NOTES.get(type(message))
        if note is not None:
            note(self, message, Context(traceparent, made_ns))

    def trace(self, session: str, origin: Origin, message: Message, cause: Cause) -> Trace:
        """The context of an output that carries one."""
        look = _PARENTS.get(type(message))
        known = look(self, message) if look is not None else None
        if known is not None and known.traceparent:
            of_order = type(message) in _UNDER_WAY
            link = _context_of(session, cause) if type(message) is Fill else ""
            return _child(known.traceparent, origin, link=link, since_ns=known.made_ns if of_order else 0)
        parent = traceparent_in(cause.block)
        if cause.origin is None or type(message) in _BEGINNING:
            return _begun(session, origin, cause, parent)
        if parent:
            return _child(parent, origin)
        return _child(_context_of(session, cause), origin, trail=_trail(cause))

    def state(self) -> dict[str, dict[str, tuple[str, int]]]:
        """Everything, for a snapshot."""
        kept = {"order": self._orders, **self._recent}
        return {
            kind: {key: (one.traceparent, one.made_ns) for key, one in each.items()}
            for kind, each in kept.items()
        }

    def restore(self, state: dict[str, dict[str, tuple[str, int]]]) -> None:
        """Take over a `state`; of an older snapshot it is empty."""
        self._orders = _contexts(state.get("order", {}))
        self._recent = {kind: _contexts(state.get(kind, {})) for kind in self._recent}

    def _signal(self, message: Signal, context: Context) -> None:
        _keep(self._recent["signal"], message.signal_id, context, RECENT)

    def _order(self, message: OrderApproved | OrderSubmitted, context: Context) -> None:
        _keep(self._orders, message.order_id, context, ORDERS_MAX)

    def _fill(self, message: Fill, context: Context) -> None:
        _keep(self._recent["fill"], message.fill_id, context, RECENT)
        if not message.quantity_left:
            self._orders.pop(message.order_id, None)

    def _changed(self, message: OrderChanged, _: Context) -> None:
        if message.to_state.terminal:
            self._orders.pop(message.order_id, None)

    def _of_signal(self, message: OrderApproved | SignalRefused | SignalResolved) -> Context | None:
        return self._recent["signal"].get(message.signal_id)

    def _of_order(self, message: Any) -> Context | None:
        return self._orders.get(message.order_id)

    def _of_fill(self, message: PositionChanged) -> Context | None:
        return self._recent["fill"].get(message.fill_id or "")


def _keep(kept: OrderedDict[str, Context], key: str, context: Context, most: int) -> None:
    kept[key] = context
    if len(kept) > most:
        kept.popitem(last=False)


def _contexts(state: dict[str, tuple[str, int]]) -> OrderedDict[str, Context]:
    return OrderedDict((key, Context(*each)) for key, each in state.items())


def _child(parent: str, origin: Origin, *, trail: str = "", link: str = "", since_ns: int = 0) -> Trace:
    own = tracing.child(parent, origin.producer, origin.epoch, origin.index)
    parts = tracing.parse(parent)
    return Trace(own, parts.span_id if parts is not None else "", trail, link, since_ns)


def _begun(session: str, origin: Origin, cause: Cause, carried: str) -> Trace:
    """A new trace. The tick that led to it is told as a part of it: one tick may lead to several.

    What carries a context, such as the fill that a strategy reacts to, is of another trace, and linked.
    """
    own = tracing.root(session, origin.producer, origin.epoch, origin.index)
    before = cause.origin
    if carried or before is None:
        return Trace(own, link=carried)
    parts = tracing.parse(own)
    assert parts is not None
    return Trace(own, span_id(parts.trace_id, before.producer, before.epoch, before.index), _trail(cause))


def _context_of(session: str, cause: Cause) -> str:
    """The context of an input; of a tick, or what was made of one, derived."""
    carried = traceparent_in(cause.block)
    if carried or cause.origin is None:
        return carried
    return tracing.derived(session, cause.origin, headers.cause_in(cause.block))


def _trail(cause: Cause) -> str:
    """The tick that led here, and what was made of it."""
    first = headers.cause_in(cause.block)
    received = f"{cause.received_ns}-{cause.received_ns}"
    if first is None:
        return f"{cause.subject} {cause.origin} {received}"
    began, ended = times_in(cause.block)
    return f"{cause.subject} {cause.origin} {began}-{ended}; - {first} {received}"


_NOTES: dict[type, Callable[[Lineage, Any, Context], None]] = {
    Signal: Lineage._signal,
    OrderApproved: Lineage._order,
    OrderSubmitted: Lineage._order,
    OrderChanged: Lineage._changed,
    Fill: Lineage._fill,
}
"""What leads on, or ends what led on."""
LEADING = frozenset(_NOTES)
"""Types of messages of which `took` takes note."""
_PARENTS: dict[type, Callable[[Lineage, Any], Context | None]] = {
    OrderApproved: Lineage._of_signal,
    SignalRefused: Lineage._of_signal,
    SignalResolved: Lineage._of_signal,
    CancelRequested: Lineage._of_order,
    OrderSubmitted: Lineage._of_order,
    OrderAccepted: Lineage._of_order,
    OrderChanged: Lineage._of_order,
    Fill: Lineage._of_order,
    PositionChanged: Lineage._of_fill,
}
"""By whose identity the parent of a message is found; any other follows from its input."""
_BEGINNING = frozenset({Signal, OrderApproved})
"""What begins a trace: a signal, and an order that risk sends without one, such as a stop's."""
_UNDER_WAY = frozenset({OrderAccepted, OrderChanged, Fill})
"""What a venue answers: under way since the order was sent."""
