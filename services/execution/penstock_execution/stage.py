"""Execution as a stage: approvals in, what became of them out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from penstock_contracts.base import Message
from penstock_contracts.batch import between
from penstock_contracts.codec import rows_of
from penstock_contracts.market import (
    BarBatch,
    BookBatch,
    Gap,
    InstrumentDefined,
    InstrumentStatus,
    QuoteBatch,
    TradeBatch,
)
from penstock_contracts.orders import CancelRequested, OrderApproved, TradingStateChanged
from penstock_contracts.types import OrderState
from penstock_contracts.venue import Fill
from penstock_kernel.session import SessionConfig
from penstock_kernel.stage import NOTHING, IntervalEnd, Outputs, StageStatus
from pydantic import TypeAdapter

from penstock_execution.config import ExecutionConfig
from penstock_execution.errors import RepeatedOrder
from penstock_execution.guard import Guard, GuardState
from penstock_execution.orders import PaperOrder, blocked
from penstock_execution.paper.state import PaperState
from penstock_execution.paper.venue import MarketBatch, PaperVenue
from penstock_execution.states import TRANSITIONS, Event


@dataclass(slots=True)
class ExecutionState:
    """All that the stage remembers."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid", "ser_json_inf_nan": "constants"}

    session_id: str
    mark: int
    """The last mark, ns."""
    submitted: int = 0
    blocked: int = 0
    fills: int = 0
    orders: dict[str, PaperOrder] = field(default_factory=dict)
    """Those that have not ended, as far as we know."""
    paper: PaperState = field(default_factory=PaperState)
    guard: GuardState = field(default_factory=GuardState)


class ExecutionStage:
    """Sends what risk approved to the paper venue and tells what happens there.

    Submissions and cancel requests are told at once; what the venue answers is told at the end of the
    interval in which the answer arrives, in the order of arrival.
    """

    def __init__(self, config: ExecutionConfig, session: SessionConfig) -> None:
        self.config = config
        self.session = session
        self._venue = PaperVenue(config.paper, session.instruments)
        self._guard = Guard(config.guard, session.grid)
        self._state = ExecutionState(
            session.session_id, session.start, paper=self._venue.state, guard=self._guard.state
        )
        self._handlers: dict[type, Callable[[Any], Outputs]] = {
            TradeBatch: self._match,
            BarBatch: self._match,
            OrderApproved: self._submit,
            CancelRequested: self._cancel,
            TradingStateChanged: self._follow,
            InstrumentDefined: self._define,
            InstrumentStatus: self._set_status,
            QuoteBatch: self._match,
            BookBatch: self._match,
            Gap: self._lose,
        }

    def process(self, message: Message) -> Outputs:
        """See `Stage`. Raises an ExecutionError where going on would be wrong."""
        handler = self._handlers.get(type(message))
        return NOTHING if handler is None else handler(message)

    def end_interval(self, end: IntervalEnd) -> Outputs:
        """Let the venue's time pass and tell the answers that have arrived."""
        state = self._state
        if end.commands:
            self._guard.take_commands(end.commands, end.ts)
        self._guard.end_interval(end.ts)
        state.mark = end.ts
        if not state.orders:
            return NOTHING
        self._venue.pass_time(end.start, end.ts, end.ended)
        outputs = []
        for answer in self._venue.take_answers(end.ts):
            if answer.event is Event.REPLACE_REJECT and answer.order_id not in state.orders:
                continue  # a bar filled it before the refusal: there is nothing left to go back to
            order = state.orders[answer.order_id]
            message = order.answered(answer, state.session_id)
            if not TRANSITIONS[order.lifecycle.state]:
                del state.orders[answer.order_id]
            if type(message) is Fill:
                state.fills += 1
            outputs.append(message)
        return outputs

    def status(self) -> StageStatus:
        """Due when an answer arrives, or an order or a cancel takes effect."""
        state = self._state
        return StageStatus(next_due=self._venue.next_due(state.mark)) if state.orders else _IDLE

    def quiet_rows(self, message: Message, begin: int = 0, end: int | None = None) -> int:
        """See `Skippable`."""
        match message:
            case TradeBatch() | BarBatch() | QuoteBatch() | BookBatch():
                return self._venue.quiet_rows(message, begin, end)
            case InstrumentStatus(instrument=key):
                return 0 if self._venue.has_orders(key) else 1
            case InstrumentDefined(instrument=instrument):
                return 0 if self._venue.has_orders(instrument.instrument) else 1
            case Gap() | OrderApproved() | CancelRequested():
                return 0
            case _:
                return (rows_of(message) if end is None else end) - begin

    def process_rows(self, message: Message, begin: int, end: int) -> Outputs:
        """As `process` of these rows."""
        if type(message) is BarBatch:
            self._venue.match(message, begin, end)
            return NOTHING
        return self.process(between(message, begin, end))

    def works_in(self, instrument: str) -> bool:
        """Whether an order works, or is on its way to the venue, in an instrument."""
        return self._venue.has_orders(instrument)

    def describe(self) -> dict[str, Any]:
        """Counts of the session, and the orders that work."""
        state = self._state
        return {
            "orders": state.submitted,
            "blocked": state.blocked,
            "fills": state.fills,
            "working": len(state.orders),
            "halted": state.guard.halted,
        }

    def snapshot(self) -> bytes:
        """The state as JSON."""
        return _adapter().dump_json(self._state)

    def restore(self, state: bytes) -> None:
        """Take over a snapshot. ValueError when it is not one of this session's."""
        restored = _adapter().validate_json(state)
        if restored.session_id != self.session.session_id:
            raise ValueError(f"a snapshot of session {restored.session_id}, not {self.session.session_id}")
        self._state = restored
        self._venue.restore(restored.paper)
        self._guard.state = restored.guard

    # --- Handlers ------------------------------------------------------------------------------------

    def _match(self, batch: MarketBatch) -> Outputs:
        self._venue.match(batch)
        return NOTHING

    def _lose(self, gap: Gap) -> Outputs:
        if gap.book:
            self._venue.lose_book(gap.instrument)
        return NOTHING

    def _submit(self, approval: OrderApproved) -> Outputs:
        state = self._state
        if approval.order_id in state.orders:
            raise RepeatedOrder(f"order {approval.order_id} was approved twice")
        market = self._venue.state.markets.get(approval.instrument)
        rule = self._guard.blocks(
            approval,
            state.mark,
            None if market is None else market.instrument,
            None if market is None else market.price,
        )
        if rule:
            state.blocked += 1
            return (blocked(approval, f"guard:{rule}"),)
        told: list[Message] = []
        if approval.replaces is not None:
            replaced = state.orders.get(approval.replaces)
            if replaced is None or not replaced.replaceable:
                return (blocked(approval, "the order to replace does not work"),)
            told.append(replaced.replace_requested(approval))
        ts_effect = max(approval.ts + self.config.paper.submit_latency_ns, state.mark)
        order = state.orders[approval.order_id] = PaperOrder(approval)
        state.submitted += 1
        told.append(order.submitted(approval.ts, ts_effect))
        self._venue.submit(approval, ts_effect)
        return told

    def _cancel(self, request: CancelRequested) -> Outputs:
        order = self._state.orders.get(request.order_id)
        if order is None or order.lifecycle.state is OrderState.CANCEL_PENDING:
            return NOTHING  # it ended before the request was read, or is being cancelled already
        message = order.cancel_requested(request)
        ts_effect = max(request.ts + self.config.paper.cancel_latency_ns, self._state.mark)
        self._venue.cancel(request.order_id, ts_effect, request.reason)
        return (message,)

    def _follow(self, change: TradingStateChanged) -> Outputs:
        self._guard.take_trading_state(change)
        return NOTHING

    def _define(self, message: InstrumentDefined) -> Outputs:
        self._venue.define(message.instrument)
        return NOTHING

    def _set_status(self, message: InstrumentStatus) -> Outputs:
        if message.scheduled:
            self._venue.set_hours(message)
        else:
            self._venue.set_status(message.instrument, message.status)
        return NOTHING


_IDLE = StageStatus()


@cache
def _adapter() -> TypeAdapter[ExecutionState]:
    return TypeAdapter(ExecutionState)
