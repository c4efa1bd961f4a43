"""Rows as the queries give them. Field names are column names; times are ns UTC, amounts exact."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer


def _digits(value: Decimal) -> str:
    """All digits, never an exponent."""
    return format(value, "f")


Amount = Annotated[Decimal, PlainSerializer(_digits, return_type=str, when_used="json")]
"""An exact decimal; in JSON, text."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session; `ended_at` is None while it runs."""

    session: str
    started_at: int
    ended_at: int | None
    stop_reason: str | None
    config_hash: str
    code_hash: str


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal and what became of it; `outcome` is None while that is open."""

    signal_id: str
    ts: int
    sequence: int
    strategy: str
    instrument: str
    ordinal: int
    side: str
    confidence: float
    target_kind: str
    target: Amount
    price: Amount
    regime: str | None
    model_version: str | None
    outcome: str | None
    reason: str | None
    superseded_by: str | None


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """Why a signal was refused: the rule, its limit, and the value that broke it."""

    signal_id: str
    ts: int
    sequence: int
    strategy: str
    instrument: str
    rule: str
    limit: Amount | None
    value: Amount | None
    text: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as it stands; `average_price` is its fills' mean, weighted by quantity."""

    order_id: str
    client_order_id: str
    signal_id: str
    ts: int
    sequence: int
    ordinal: int
    strategy: str
    instrument: str
    side: str
    type: str
    quantity: Amount
    limit_price: Amount | None
    stop_price: Amount | None
    time_in_force: str
    status: str
    quantity_filled: Amount
    average_price: Amount | None
    fees: Amount | None
    fee_currency: str | None
    reference_price: Amount
    reason: str
    parent_id: str | None
    routed_at: int | None
    changed_at: int | None


@dataclass(frozen=True, slots=True)
class OrderEventRow:
    """One step of an order."""

    order_id: str
    number: int
    ts: int
    from_state: str
    to_state: str
    reason: str


@dataclass(frozen=True, slots=True)
class FillRow:
    """A fill."""

    fill_id: str
    order_id: str
    order_ordinal: int
    ts: int
    sequence: int
    strategy: str
    instrument: str
    venue: str
    side: str
    price: Amount
    quantity: Amount
    fee: Amount
    fee_currency: str
    liquidity: str


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A strategy's position in an instrument after its last change."""

    strategy: str
    instrument: str
    ts: int
    quantity: Amount
    average_price: Amount | None
    pnl_realized: Amount
    fees: Amount
    currency: str


@dataclass(frozen=True, slots=True)
class PnlRow:
    """The account (`strategy` None) or a strategy at one time, in account currency."""

    ts: int
    sequence: int
    strategy: str | None
    currency: str
    equity: Amount
    pnl_realized: Amount
    pnl_unrealized: Amount
    fees: Amount
    gross_exposure: Amount
    net_exposure: Amount
    reserved: Amount
    equity_peak: Amount
    drawdown_max: Amount


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A quote; sizes are None where the source gives none."""

    ts: int
    ts_event: int
    bid: Amount
    ask: Amount
    bid_size: Amount | None
    ask_size: Amount | None
    source: str


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade; `side` is the aggressor's, None where it is not known."""

    ts: int
    ts_event: int
    price: Amount
    size: Amount
    side: str | None
    trade_id: str | None
    source: str
