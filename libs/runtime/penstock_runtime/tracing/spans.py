"""From messages of the log to the spans of orders' traces: what is exported, and what `penstock trace` shows.

Every message of a signal or an order says in its headers which span it is, which it follows from, and when.
So spans are made afterwards, from the log, and only for what led to an order; whoever makes them, and however
often, makes the same ones.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Literal

from penstock_contracts import headers, subjects
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

from penstock_runtime.log.delivery import Delivered

PENDING_MAX = 4096
"""Signals that are remembered until they lead to an order."""
SEEN_MAX = 4096
"""Ticks and features that are remembered, because two orders may come of one."""

Kind = Literal["producer", "consumer", "internal", "client"]
Attributes = dict[str, str | int]


@dataclass(slots=True)
class Span:
    """One span; times are wall times in ns."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the first of a trace."""
    service: str
    name: str
    kind: Kind
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    """Trace and span ids of what else led here."""


class Assembler:
    """Takes messages in log order and gives the spans that they complete."""

    def __init__(self) -> None:
        self._pending: OrderedDict[str, list[Span]] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, delivered: Delivered, message: Message) -> list[Span]:
        """The spans of a message that belongs to an order; of a signal only when its first order comes."""
        if isinstance(message, SignalRefused | SignalResolved):
            self._pending.pop(message.signal_id, None)
            return []
        named = _NAMED.get(type(message))
        if named is None:
            return []
        own = _span(delivered, message, *named)
        if own is None:
            return []
        spans = [*self._unseen(ancestors(delivered, own)), own]
        if isinstance(message, Signal):
            self._pending[message.signal_id] = spans
            if len(self._pending) > PENDING_MAX:
                self._pending.popitem(last=False)
            return []
        if isinstance(message, OrderApproved):
            return self._pending.pop(message.signal_id, []) + spans
        return spans

    def _unseen(self, spans: list[Span]) -> list[Span]:
        fresh = [each for each in spans if each.span_id not in self._seen]
        for each in fresh:
            self._seen[each.span_id] = None
            if len(self._seen) > SEEN_MAX:
                self._seen.popitem(last=False)
        return fresh


def recorded(span: Span, start_ns: int, end_ns: int) -> Span:
    """The span of the transaction that wrote what a span is about."""
    return Span(
        span.trace_id, span_id(span.trace_id, "recorder", span.span_id), span.span_id,
        "recorder", "recorder.write", "consumer", start_ns, end_ns, dict(span.attributes),
    )  # fmt: skip


def ancestors(delivered: Delivered, own: Span) -> list[Span]:
    """The spans that a message tells of beside its own: the tick that led to it, and what was made of it."""
    entries = [entry.split(" ") for entry in delivered.headers.get(headers.TRAIL, "").split("; ") if entry]
    spans: list[Span] = []
    for subject, origin_text, times in reversed(entries):
        origin, (start_ns, end_ns) = _origin(origin_text), _times(times)
        parent = spans[-1].span_id if spans else ""
        spans.append(
            Span(
                own.trace_id,
                span_id(own.trace_id, origin.producer, origin.epoch, origin.index),
                parent,
                origin.producer,
                f"{origin.producer}.{_what(subject, origin.producer)}",
                "producer",
                start_ns or own.start_ns,
                end_ns or start_ns or own.start_ns,
                _of_message(subject, origin),
            )
        )
    return spans


def _span(delivered: Delivered, message: Any, service: str, name: str, kind: Kind) -> Span | None:
    head = delivered.headers
    context = tracing.parse(head.get(headers.TRACEPARENT, ""))
    if context is None or delivered.origin is None:
        return None
    start_ns, end_ns = _times(head.get(headers.TIMES, ""))
    link = tracing.parse(head.get(headers.LINK, ""))
    if isinstance(message, OrderChanged):
        name = f"venue.{message.to_state}"
    attributes = _of_message(delivered.subject, delivered.origin)
    for attribute in _TOLD:
        value = getattr(message, attribute, None)
        if value is not None and value != "":
            attributes[f"penstock.{attribute}"] = value if isinstance(value, int) else str(value)
    return Span(
        context.trace_id, context.span_id, head.get(headers.PARENT, ""), service, name, kind,
        start_ns, end_ns, attributes, ((link.trace_id, link.span_id),) if link is not None else (),
    )  # fmt: skip


def _what(subject: str, producer: str) -> str:
    parsed = subjects.parse(subject) if subject != "-" else None
    return parsed.kind if parsed is not None else _UNNAMED.get(producer, "message")


def _of_message(subject: str, origin: Origin) -> Attributes:
    attributes: Attributes = {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.message.id": f"{origin.producer}-{origin.epoch}-{origin.index}",
    }
    if subject != "-":
        attributes["messaging.destination.name"] = subject
    return attributes


def _origin(text: str) -> Origin:
    producer, epoch, index = text.split(":")
    return Origin(producer, int(epoch), int(index))


def _times(text: str) -> tuple[int, int]:
    begin, _, end = text.partition("-")
    return (int(begin), int(end)) if begin.isdigit() and end.isdigit() else (0, 0)


_UNNAMED = {"ingest": "tick", "features": "done"}
_TOLD = (
    "order_id", "signal_id", "fill_id", "strategy", "instrument", "ts", "side", "direction", "type",
    "quantity", "price", "venue", "venue_order_id", "liquidity", "reason", "number",
)  # fmt: skip
"""Fields that a span tells as `penstock.<field>`; `ts` is event time, ns."""
_NAMED: dict[type, tuple[str, str, Kind]] = {
    Signal: ("strategy", "strategy.signal", "producer"),
    OrderApproved: ("risk", "risk.approve", "producer"),
    CancelRequested: ("risk", "risk.cancel", "producer"),
    OrderSubmitted: ("execution", "execution.submit", "producer"),
    OrderAccepted: ("venue", "venue.accept", "client"),
    OrderChanged: ("venue", "venue.change", "client"),
    Fill: ("venue", "venue.fill", "client"),
    PositionChanged: ("risk", "risk.position", "consumer"),
}
"""Service, name and kind of each message's span."""
