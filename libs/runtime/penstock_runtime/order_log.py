"""A service's log lines about signals and orders, with the trace, strategy, instrument and order of each.

Written after the outputs have left, and only at the pace of the market: a replay's are in its report.
"""

from typing import Any

import structlog
from penstock_contracts.base import Message
from penstock_contracts.orders import OrderApproved, SignalRefused, TradingStateChanged
from penstock_contracts.signals import Signal
from penstock_contracts.venue import Fill, OrderChanged, OrderSubmitted
from penstock_kernel import tracing

_log = structlog.get_logger(__name__)


class OrderLog:
    """Keeps what was made until there is time to write it."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    def made(self, message: Message, traceparent: str) -> None:
        """Take note of an output."""
        told = _TOLD.get(type(message))
        if told is None:
            return
        event, fields = told
        context = tracing.parse(traceparent)
        line: dict[str, Any] = {"trace_id": context.trace_id} if context is not None else {}
        for name, field in fields:
            value = getattr(message, field)
            if value is not None:
                line[name] = value if isinstance(value, int | bool) else str(value)
        self._waiting.append((event, line))

    def write(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        for event, line in waiting:
            _log.info(event, **line)


def _fields(*names: str) -> tuple[tuple[str, str], ...]:
    """The name in the log and the message's field; ids are named for what they identify."""
    return tuple((name.removesuffix("_id"), name) for name in names)


_WHERE = ("strategy", "instrument")
_TOLD: dict[type, tuple[str, tuple[tuple[str, str], ...]]] = {
    Signal: ("signal", _fields(*_WHERE, "signal_id", "direction", "price")),
    OrderApproved: (
        "order_approved",
        _fields(*_WHERE, "order_id", "signal_id", "side", "type", "quantity", "limit_price", "reason"),
    ),
    SignalRefused: ("signal_refused", _fields(*_WHERE, "signal_id", "rule", "limit", "value")),
    OrderSubmitted: ("order_submitted", _fields(*_WHERE, "order_id")),
    OrderChanged: ("order_changed", _fields(*_WHERE, "order_id", "from_state", "to_state", "reason")),
    Fill: ("fill", _fields(*_WHERE, "order_id", "fill_id", "side", "quantity", "price", "liquidity")),
    TradingStateChanged: ("trading_state", _fields("state", "previous", "reason", "rule", "command_id")),
}
