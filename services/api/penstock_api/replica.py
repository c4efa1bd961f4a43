"""What the api knows of the session now: a fold of the log, like every other state. Pure.

Bounded: working orders, current positions and prices, the last notes, commands and answers; what is past is
in the database.
"""

import json
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from penstock_contracts.base import Family, Message
from penstock_contracts.control import Audited, Command, Session
from penstock_contracts.features import Prices
from penstock_contracts.instrument import Instrument
from penstock_contracts.interval import Done
from penstock_contracts.market import InstrumentDefined, InstrumentStatus
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
from penstock_kernel.ledger import Contract
from penstock_kernel.money import ZERO, from_scaled
from pydantic import TypeAdapter, ValidationError

NOTES_MAX = 100
COMMANDS_MAX = 1_000
KINDS: dict[Family, frozenset[str]] = {
    "feat": frozenset({"price", "instrument", "status", "done"}),
    "sig": frozenset({"signal", "note", "done"}),
    "ord": frozenset({"approved", "refused", "resolved", "shadow", "position", "pnl", "state", "done"}),
    "ven": frozenset({"submitted", "accepted", "event", "fill", "balance", "done"}),
    "ctl": frozenset({"session", "command", "audit"}),
}
"""What is taken; anything else need not even be decoded."""

_INSTRUMENTS = TypeAdapter(list[Instrument])


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
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration, by section."""

    def section(self, name: str) -> dict[str, Any]:
        """A section of the configuration, empty when there is none."""
        found = self.config.get(name)
        return found if isinstance(found, dict) else {}


Answer = TradingStateChanged | Note | Audited


@dataclass(slots=True)
class Replica:
    """The state of the session after the messages taken so far."""

    sequence: int = 0
    """Log sequence of the last message taken."""
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
    instruments: dict[str, Instrument] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    """Strategies that are switched off."""
    failed: dict[str, Note] = field(default_factory=dict)
    """Strategies that an error stopped, and the error."""
    modes: dict[str, str] = field(default_factory=dict)
    """Of strategies that a command switched."""
    settings: dict[str, str] = field(default_factory=dict)
    """Risk's settings that commands changed."""
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
    answers: OrderedDict[str, Answer] = field(default_factory=OrderedDict)
    """By command id: what was first said to it, by risk or by the strategies."""

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
                config=_document(message.config),
            )
            self.instruments = _instruments(self.session.section("session").get("instruments", []))
            self.off = set(self.session.section("strategy").get("off", []))
        else:
            self.session.ended_at = message.ts
            self.session.stop_reason = message.stop_reason

    def _command(self, message: Command) -> None:
        self.commands.setdefault(message.command_id, message)  # of two with one id the first counts
        if len(self.commands) > COMMANDS_MAX:
            self.commands.popitem(last=False)

    def _audited(self, message: Audited) -> None:
        if message.command_id is not None:
            self._answered(message.command_id, message)

    def _state(self, message: TradingStateChanged) -> None:
        self.trading_state = message.state
        if message.accepted:
            self.trading_reason = message.reason
        if message.command_id is None:
            return
        command = self.commands.get(message.command_id)
        if command is not None and message.accepted:
            if command.verb == "limits":
                self.settings.update(command.arguments)
            elif command.verb == "strategy_mode":
                self.modes[command.strategy or ""] = command.arguments["mode"]
        self._answered(message.command_id, message)

    def _answered(self, command_id: str, answer: Answer) -> None:
        self.answers.setdefault(command_id, answer)
        if len(self.answers) > COMMANDS_MAX:
            self.answers.popitem(last=False)

    def _instrument(self, message: InstrumentDefined) -> None:
        self.instruments[message.instrument.instrument] = message.instrument

    def _status(self, message: InstrumentStatus) -> None:
        known = self.instruments.get(message.instrument)
        if known is not None:
            self.instruments[message.instrument] = replace(known, status=message.status)

    def marked(self, position: PositionChanged) -> tuple[Decimal | None, Decimal | None]:
        """What a position is marked at, and what closing it there would bring, in its currency.

        Longs are marked at the bid, shorts at the ask, where there are quotes.
        """
        price, definition = self.prices.get(position.instrument), self.instruments.get(position.instrument)
        if price is None:
            return None, None
        sign = (position.quantity > 0) - (position.quantity < 0)
        at = (price.bid if sign > 0 else price.ask if sign < 0 else None) or price.last
        if not sign or position.average_price is None:
            return at, ZERO
        if definition is None:
            return at, None
        contract = Contract.of(definition)
        gained = contract.unit_value(at) - contract.unit_value(position.average_price)
        return at, position.quantity * gained

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
        if message.level == "error":
            self.errors += 1
            self.failed[message.strategy] = message
        if message.command_id is not None:
            self._switched(message)
            self._answered(message.command_id, message)

    def _switched(self, message: Note) -> None:
        command = self.commands.get(message.command_id or "")
        if command is None or message.level == "warning":
            return
        if command.verb == "strategy_on":
            self.off.discard(message.strategy)
            self.failed.pop(message.strategy, None)
        elif command.verb == "strategy_off":
            self.off.add(message.strategy)

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


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _instruments(defined: object) -> dict[str, Instrument]:
    try:
        return {each.instrument: each for each in _INSTRUMENTS.validate_python(defined)}
    except ValidationError:
        return {}  # a configuration of another version: they come with their messages


_FOLDS: dict[type, Callable[[Replica, Message], None]] = {
    Session: Replica._session,
    Command: Replica._command,
    Audited: Replica._audited,
    InstrumentDefined: Replica._instrument,
    InstrumentStatus: Replica._status,
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
