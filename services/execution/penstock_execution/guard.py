"""The egress guard: the last look at an order before it leaves. It can only block.

On paper it judges by event time. Its ceilings are its own: they hold also when risk is wrong.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice, takewhile

from penstock_contracts.control import Command
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import OrderApproved, TradingStateChanged
from penstock_contracts.types import TradingState
from penstock_kernel.grid import NS_PER_SECOND, grid_after

from penstock_execution.config import GuardConfig


@dataclass(slots=True)
class GuardState:
    """What the guard remembers."""

    halted: bool = False
    ts_halted: int = 0
    """Mark of the last halt command, ns."""
    sent: dict[str, int] = field(default_factory=dict)
    """Event time of the decision per client order id, in order, while a repeat could pass for fresh."""


class Guard:
    """Names the first rule that an order breaks."""

    def __init__(self, config: GuardConfig, grid: int) -> None:
        self.config = config
        self.grid = grid
        self.state = GuardState()
        self._kept_ns = config.approval_age_ns_max + grid + NS_PER_SECOND

    def blocks(
        self, order: OrderApproved, mark: int, instrument: Instrument | None, last: Decimal | None
    ) -> str:
        """The rule that blocks the order, or nothing; an order that passes counts as sent.

        `mark` is the last mark in ns, `instrument` the order's as defined, `last` its last price.
        """
        if instrument is None:
            return "instrument"
        if last is None:
            return "no_price"
        rule = self._breaks_admission(order, mark) or breaks_ceiling(self.config, order, instrument, last)
        if not rule:
            self.state.sent[order.client_order_id] = order.ts
        return rule

    def _breaks_admission(self, order: OrderApproved, mark: int) -> str:
        """Rules about when and how often, whatever the order says."""
        state, config = self.state, self.config
        # Risk approves a `flatten` while halted on a risk admin's override only.
        if state.halted and order.reason != "flatten":
            return "halted"
        # What is decided at a mark is decided in the interval that the mark begins, or just closed.
        if mark - grid_after(order.ts, self.grid) > config.approval_age_ns_max:
            return "approval_age"
        if order.client_order_id in state.sent:
            return "duplicate"
        most = config.orders_per_second_max
        if len(state.sent) < most:
            return ""
        latest = islice(reversed(state.sent.values()), most)
        recent = sum(1 for _ in takewhile(lambda ts: ts > order.ts - NS_PER_SECOND, latest))
        return "order_rate" if recent == most else ""

    def take_commands(self, commands: tuple[Command, ...], mark: int) -> None:
        """A halt of everything holds from its mark on; a narrower one is risk's alone to judge."""
        for command in commands:
            if halts_all(command):
                self.state.halted = True
                self.state.ts_halted = mark

    def take_trading_state(self, change: TradingStateChanged) -> None:
        """Follow risk: into HALTED always, out of it unless the guard was halted by a later mark."""
        if change.state is TradingState.HALTED:
            self.state.halted = True
        elif change.ts >= self.state.ts_halted:
            self.state.halted = False

    def end_interval(self, mark: int) -> None:
        """Forget the orders that need not be remembered any more."""
        sent = self.state.sent
        horizon = mark - self._kept_ns
        while sent:
            oldest = next(iter(sent))
            if sent[oldest] >= horizon:
                return
            del sent[oldest]


def breaks_ceiling(config: GuardConfig, order: OrderApproved, instrument: Instrument, last: Decimal) -> str:
    """Rules about how much, and at which price: the limit, or without one the price of the decision."""
    if config.quantity_max is not None and order.quantity > config.quantity_max:
        return "quantity"
    limit = order.limit_price
    if config.notional_max is not None:
        value = order.quantity * instrument.multiplier
        if not instrument.inverse:
            value *= last if limit is None else max(limit, last)
        if value > config.notional_max:
            return "notional"
    away = abs(order.reference_price - last) if limit is None else order.side.sign * (limit - last)
    return "collar" if away > last * config.collar else ""


def halts_all(command: Command) -> bool:
    """Whether a command halts everything; a narrower halt is risk's alone to judge."""
    narrowed = (command.venue, command.instrument, command.underlying, command.strategy)
    return command.verb == "halt" and narrowed == (None, None, None, None)
