"""What the api knows of the session now: a fold of the log, like every other state. Pure.

Bounded: working orders, current positions and prices, the last notes and answers; what is past is in
the database.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from penstock_contracts.base import Family, Message
from penstock_contracts.control import Command, Session
from penstock_contracts.features import Prices
from penstock_contracts.interval import Done
from penstock_contracts.orders import (
    OrderApproved,
    PnlSampled,
    PositionChanged,
    SignalRefused,
    SignalResolved,
    TradingStateChanged,
)
from penstock_contracts.signals import Note, Signal
from penstock_contracts.types import OrderState, Outcome, TradingState
from penstock_contracts.venue import BalanceChanged, Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_kernel.money import from_scaled

NOTES_MAX = 100
COMMANDS_MAX = 1_000
KINDS: dict[Family, frozenset[str]] = {
    "feat": frozenset({"price", "done"}),
    "sig": frozenset({"signal", "note", "done"}),
    "ord": frozenset({"approved", "refused", "resolved", "position", "pnl", "state", "done"}),
    "ven": frozenset({"submitted", "accepted", "event", "fill", "balance", "done"}),
    "ctl": frozenset({"session", "command"}),
}
"""What is taken; anything else need not even be decoded."""


@dataclass(slots=True)
class WorkingOrder:
    """An order in which something can still happen."""

    order: OrderApproved
    status: str = "approved"
    quantity_filled: Decimal = Decimal(0)
    venue_order_id: str | None = None


@dataclass(slots=True)
class Price:
    """The last price of an instrument, and when it was made, ns."""

    instrument: str
    ts: int
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None


@dataclass(slots=True)
class SessionView:
    """The session as its genesis and its end tell it."""

    session_id: str = ""
    started_at: int = 0
    ended_at: int | None = None
    stop_reason: str = ""
    config_hash: str = ""
    code_hash: str = ""


@dataclass(slots=True)
class Replica:
    """The state of the session after the messages taken so far."""

    session: SessionView = field(default_factory=SessionView)
    trading_state: TradingState | None = None
    """None until risk has said anything."""
    trading_reason: str = ""
    marks: dict[str, int] = field(default_factory=dict)
    """By family: event time up to which its producer is done, ns."""
    stop: str = ""
    """Why risk ends the session; empty while it does not."""
    flat: bool = True
    account: PnlSampled | None = None
    strategies: dict[str, PnlSampled] = field(default_factory=dict)
    positions: dict[tuple[str, str], PositionChanged] = field(default_factory=dict)
    balances: dict[tuple[str, str], BalanceChanged] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    working: dict[str, WorkingOrder] = field(default_factory=dict)
    orders: Counter[str] = field(default_factory=Counter)
    """Number of orders that ended, by terminal state."""
    orders_approved: int = 0
    signals: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    fills: int = 0
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=NOTES_MAX))
    errors: int = 0
    """Notes of level error."""
    commands: OrderedDict[str, Command] = field(default_factory=OrderedDict)
    answers: OrderedDict[str, TradingStateChanged] = field(default_factory=OrderedDict)
    """By command id: what risk first said to it."""

    def take(self, family: Family, message: Message) -> None:
        """Take the next message of the log. Types that it does not keep change nothing."""
        if isinstance(message, Done):
            self._done(family, message)
            return
        fold = _FOLDS.get(type(message))
        if fold is not None:
            fold(self, message)

    def _done(self, family: Family, message: Done) -> None:
        self.marks[family] = message.ts
        if family == "ord":
            self.flat, self.stop = message.flat, message.stop
            if self.trading_state is None:
                self.trading_state = TradingState.ACTIVE  # a session begins so; risk tells only changes

    def _session(self, message: Session) -> None:
        if message.phase == "genesis":
            self.session = SessionView(
                session_id=message.session_id,
                started_at=message.ts,
                config_hash=message.config_hash,
                code_hash=message.code_hash,
            )
        else:
            self.session.ended_at = message.ts
            self.session.stop_reason = message.stop_reason

    def _command(self, message: Command) -> None:
        self.commands[message.command_id] = message
        if len(self.commands) > COMMANDS_MAX:
            self.commands.popitem(last=False)

    def _state(self, message: TradingStateChanged) -> None:
        self.trading_state = message.state
        if message.accepted:
            self.trading_reason = message.reason
        if message.command_id is not None:
            self.answers.setdefault(message.command_id, message)
            if len(self.answers) > COMMANDS_MAX:
                self.answers.popitem(last=False)

    def _prices(self, message: Prices) -> None:
        for row, index in enumerate(message.index.tolist()):
            instrument, scale = message.instruments[index], message.scales[index]
            bid, ask = int(message.bid[row]), int(message.ask[row])
            self.prices[instrument] = Price(
                instrument=instrument,
                ts=int(message.ts_data[row]),
                last=from_scaled(int(message.last[row]), scale),
                bid=from_scaled(bid, scale) if bid else None,
                ask=from_scaled(ask, scale) if ask else None,
            )

    def _signal(self, _: Signal) -> None:
        self.signals += 1

    def _note(self, message: Note) -> None:
        self.notes.append(message)
        self.errors += message.level == "error"

    def _refused(self, _: SignalRefused) -> None:
        self.outcomes[Outcome.REFUSED] += 1

    def _resolved(self, message: SignalResolved) -> None:
        self.outcomes[message.outcome] += 1

    def _approved(self, message: OrderApproved) -> None:
        self.orders_approved += 1
        self.working[message.order_id] = WorkingOrder(message)

    def _position(self, message: PositionChanged) -> None:
        self.positions[message.strategy, message.instrument] = message

    def _pnl(self, message: PnlSampled) -> None:
        if message.strategy is None:
            self.account = message
        else:
            self.strategies[message.strategy] = message

    def _balance(self, message: BalanceChanged) -> None:
        self.balances[message.venue, message.currency] = message

    def _submitted(self, message: OrderSubmitted) -> None:
        self._move(message.order_id, OrderState.IN_FLIGHT)

    def _accepted(self, message: OrderAccepted) -> None:
        if message.order_id in self.working:
            self.working[message.order_id].venue_order_id = message.venue_order_id
        self._move(message.order_id, OrderState.ACCEPTED)

    def _changed(self, message: OrderChanged) -> None:
        self._move(message.order_id, message.to_state)

    def _fill(self, message: Fill) -> None:
        self.fills += 1
        if message.order_id in self.working:
            self.working[message.order_id].quantity_filled += message.quantity
        left = message.quantity_left
        self._move(message.order_id, OrderState.PARTIALLY_FILLED if left else OrderState.FILLED)

    def _move(self, order_id: str, state: OrderState) -> None:
        working = self.working.get(order_id)
        if working is None:
            return  # it had ended: a fill of an order given up for lost, which risk halts upon
        working.status = state
        if state.terminal:
            del self.working[order_id]
            self.orders[state] += 1


_FOLDS: dict[type, Callable[[Replica, Message], None]] = {
    Session: Replica._session,
    Command: Replica._command,
    Prices: Replica._prices,
    Signal: Replica._signal,
    Note: Replica._note,
    OrderApproved: Replica._approved,
    SignalRefused: Replica._refused,
    SignalResolved: Replica._resolved,
    PositionChanged: Replica._position,
    PnlSampled: Replica._pnl,
    TradingStateChanged: Replica._state,
    OrderSubmitted: Replica._submitted,
    OrderAccepted: Replica._accepted,
    OrderChanged: Replica._changed,
    Fill: Replica._fill,
    BalanceChanged: Replica._balance,
}
