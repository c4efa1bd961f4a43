"""The final report: one document that says what a session did. Unknown is None, never 0."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument
from penstock_contracts.orders import (
    OrderApproved,
    PnlSampled,
    PositionChanged,
    ShadowFilled,
    SignalRefused,
    SignalResolved,
)
from penstock_contracts.signals import Note
from penstock_contracts.types import OrderState, Outcome
from penstock_contracts.venue import Fill, OrderChanged
from penstock_kernel.balances import balances
from penstock_kernel.fills_hash import canonical_decimal, fills_hash
from penstock_kernel.ledger import Contract, Position
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from penstock_research.report.statistics import Point


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SignalCounts(_Section):
    """Signals by outcome."""

    approved: int
    refused: int
    no_change: int
    superseded: int
    shadow: int = 0
    """Of shadow strategies: traded in a virtual ledger only. Left out where there are none."""

    @model_serializer(mode="wrap")
    def _without_shadow(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _unless_empty(written(self), "shadow")


class OrderCounts(_Section):
    """Orders: those approved, and in which state they ended."""

    approved: int
    filled: int
    cancelled: int
    rejected: int
    expired: int


class PositionReport(_Section):
    """What a strategy holds of an instrument at the end; every pair that traded is listed."""

    strategy: str
    instrument: str
    quantity: str
    average_price: str | None


class ShadowReport(_Section):
    """The virtual ledger of a shadow strategy in one instrument, in its settlement currency."""

    strategy: str
    instrument: str
    fills: int
    trades: int
    trades_won: int
    quantity: str
    """Zero where the session ended as it should."""
    pnl_realized: str
    """Without fees."""
    fees: str
    currency: str


class LatencyReport(_Section):
    """Wall time from ingest's publication of a datum to the approval that it led to, ms."""

    tick_to_order_p50: float | None
    tick_to_order_p99: float | None


class BalanceReport(_Section):
    """How much there is of a currency, or of what was bought outright."""

    currency: str
    total: str


class FinalReport(_Section):
    """`final_report.json`. Money and quantities are decimals as strings; times RFC 3339, UTC."""

    session_id: str
    started_at: str
    ended_at: str | None
    duration_s: float | None
    """Wall time."""
    stop_reason: str | None
    source: str
    strategies: list[str]
    currency: str
    equity_start: str
    equity_end: str | None
    pnl_realized: str | None
    """Without fees."""
    pnl_unrealized: str | None
    fees: str | None
    max_drawdown: str | None
    """In account currency, over all marks."""
    events_in: int | None
    quarantined: int | None
    signals: SignalCounts
    orders: OrderCounts
    fills: int
    positions: list[PositionReport]
    shadow: list[ShadowReport] = []
    """Left out where there are none."""
    balances: list[BalanceReport] = []
    """Left out where there is nothing but the account's currency."""
    errors: int
    latency_ms: LatencyReport
    fills_hash: str

    @model_serializer(mode="wrap")
    def _without_shadow(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _unless_empty(_unless_empty(written(self), "shadow"), "balances")


def _unless_empty(fields: dict[str, Any], name: str) -> dict[str, Any]:
    if not fields[name]:
        del fields[name]
    return fields


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the business events do not say."""

    session_id: str
    started_at: int
    """Wall time, ns."""
    ended_at: int | None
    stop_reason: str | None
    source: str
    strategies: tuple[str, ...]
    currency: str
    capital: Decimal
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    """By key."""
    events_in: int | None = None
    quarantined: int | None = None
    service_errors: int = 0
    """Errors that services counted, beside those of strategies, which are in the log."""
    tick_to_order_p50_ms: float | None = None
    tick_to_order_p99_ms: float | None = None


@dataclass(slots=True)
class Tally:
    """Counts business events as they come by; keeps fills, last positions and the account's equity."""

    fills: list[Fill] = field(default_factory=list)
    positions: dict[tuple[str, str], PositionChanged] = field(default_factory=dict)
    shadow: dict[tuple[str, str], ShadowFilled] = field(default_factory=dict)
    """The last virtual fill of each shadow strategy and instrument, which carries its ledger."""
    shadow_fills: Counter[tuple[str, str]] = field(default_factory=Counter)
    account: PnlSampled | None = None
    equity: list[Point] = field(default_factory=list)
    samples: list[PnlSampled] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    endings: Counter[OrderState] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    approved_signals: set[str] = field(default_factory=set)
    approved_orders: int = 0
    strategy_errors: int = 0

    def add(self, message: Message) -> None:
        """Count one event."""
        match message:
            case Fill():
                self.fills.append(message)
                if message.quantity_left == 0:
                    self.endings[OrderState.FILLED] += 1
            case OrderChanged() if message.to_state.terminal:
                self.endings[message.to_state] += 1
            case OrderApproved():
                self.approved_orders += 1
                # Risk's own orders answer no signal: their `reason` says why it sent them.
                if message.reason == "signal":
                    self.approved_signals.add(message.signal_id)
            case SignalRefused():
                self.outcomes[Outcome.REFUSED] += 1
                self.refusals[message.rule] += 1
            case SignalResolved():
                self.outcomes[message.outcome] += 1
            case ShadowFilled():
                key = (message.strategy, message.instrument)
                self.shadow[key] = message
                self.shadow_fills[key] += 1
            case PositionChanged():
                self.positions[message.strategy, message.instrument] = message
            case PnlSampled() if message.strategy is None:
                self.account = message
                self.samples.append(message)
                self.equity.append((message.ts, message.equity))
            case Note() if message.level == "error":
                self.strategy_errors += 1
            case _:
                pass


def tally(messages: Iterable[Message]) -> Tally:
    """The counts of all business events of a run."""
    counted = Tally()
    for message in messages:
        counted.add(message)
    return counted


def final_report(facts: RunFacts, counted: Tally) -> FinalReport:
    """The report of a run from its facts and the counts of its events."""
    account = counted.account
    return FinalReport(
        session_id=facts.session_id,
        started_at=utc(facts.started_at),
        ended_at=None if facts.ended_at is None else utc(facts.ended_at),
        duration_s=None if facts.ended_at is None else round((facts.ended_at - facts.started_at) / 1e9, 3),
        stop_reason=facts.stop_reason,
        source=facts.source,
        strategies=list(facts.strategies),
        currency=facts.currency,
        equity_start=canonical_decimal(facts.capital),
        equity_end=_text(account.equity if account else None),
        pnl_realized=_text(account.pnl_realized if account else None),
        pnl_unrealized=_text(account.pnl_unrealized if account else None),
        fees=_text(account.fees if account else None),
        max_drawdown=_text(account.drawdown_max if account else None),
        events_in=facts.events_in,
        quarantined=facts.quarantined,
        signals=SignalCounts(
            approved=len(counted.approved_signals),
            refused=counted.outcomes[Outcome.REFUSED],
            no_change=counted.outcomes[Outcome.NO_CHANGE],
            superseded=counted.outcomes[Outcome.SUPERSEDED],
            shadow=counted.outcomes[Outcome.SHADOW],
        ),
        orders=OrderCounts(
            approved=counted.approved_orders,
            filled=counted.endings[OrderState.FILLED],
            cancelled=counted.endings[OrderState.CANCELLED],
            rejected=counted.endings[OrderState.REJECTED],
            expired=counted.endings[OrderState.EXPIRED],
        ),
        fills=len(counted.fills),
        positions=[_position(each) for _, each in sorted(counted.positions.items())],
        shadow=[_shadow(each, counted.shadow_fills[key]) for key, each in sorted(counted.shadow.items())],
        balances=_balances(facts, counted),
        errors=counted.strategy_errors + facts.service_errors,
        latency_ms=LatencyReport(
            tick_to_order_p50=facts.tick_to_order_p50_ms, tick_to_order_p99=facts.tick_to_order_p99_ms
        ),
        fills_hash=fills_hash(counted.fills),
    )


def utc(ns: int) -> str:
    """A time as RFC 3339, UTC, to the microsecond."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _position(changed: PositionChanged) -> PositionReport:
    return PositionReport(
        strategy=changed.strategy,
        instrument=changed.instrument,
        quantity=canonical_decimal(changed.quantity),
        average_price=_text(changed.average_price),
    )


def _balances(facts: RunFacts, counted: Tally) -> list[BalanceReport]:
    positions: dict[tuple[str, str], tuple[Instrument, Position]] = {}
    for fill in counted.fills:
        instrument = facts.instruments.get(fill.instrument)
        if instrument is None:
            continue
        key = (fill.strategy, fill.instrument)
        _, position = positions.setdefault(key, (instrument, Position(Contract.of(instrument))))
        position.apply_fill(fill.side, fill.quantity, fill.price, fill.fee, fill.fee_currency)
    found = balances(facts.currency, facts.capital, positions.values())
    if len(found) == 1:
        return []
    return [BalanceReport(currency=name, total=canonical_decimal(total)) for name, total in found.items()]


def _shadow(last: ShadowFilled, fills: int) -> ShadowReport:
    return ShadowReport(
        strategy=last.strategy,
        instrument=last.instrument,
        fills=fills,
        trades=last.trades,
        trades_won=last.trades_won,
        quantity=canonical_decimal(last.position),
        pnl_realized=canonical_decimal(last.pnl_realized),
        fees=canonical_decimal(last.fees),
        currency=last.currency,
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else canonical_decimal(value)
