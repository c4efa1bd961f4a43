"""Family `ord`: what risk decides, and what it knows of positions and money."""

from dataclasses import field

from penstock_contracts.base import message, record
from penstock_contracts.types import (
    Count,
    Currency,
    Exact,
    Id,
    InstrumentKey,
    Line,
    Name,
    Ns,
    OrderType,
    Outcome,
    Positive,
    Side,
    TimeInForce,
    TradingState,
)


@record
class LimitCheck:
    """One rule as it was evaluated: `value` against `limit`."""

    rule: Name
    limit: Exact
    value: Exact


@message("ord", "approved")
class OrderApproved:
    """A sized order. The only thing that execution accepts."""

    order_id: Id
    client_order_id: Id
    signal_id: Id
    ordinal: Count
    """Counts the session's orders, from 1."""
    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    """Event time of the decision."""
    side: Side
    type: OrderType
    quantity: Positive
    limit_price: Positive | None = None
    stop_price: Positive | None = None
    """What triggers a stop, stop-limit or take-profit; where a trailing stop begins."""
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: Ns | None = None
    post_only: bool = False
    reduce_only: bool = False
    parent_id: Id | None = None
    """Works from this order's first fill on (a bracket's stop and target); over when it ends without one."""
    algo: Name | None = None
    reference_price: Positive
    """Arrival price: what slippage is measured against."""
    collar_price: Positive | None = None
    """Worst price that the limits were evaluated at."""
    reason: Name = "signal"
    """`signal`, or why risk itself sends it: `flatten`, `stop`, `ended`, `close`."""
    model_version: Name | None = None
    correlation_bucket: Name | None = None
    checks: tuple[LimitCheck, ...] = ()
    trail: Positive | None = None
    """Distance of a trailing stop from the best price since it works, in quote currency."""
    group_id: Id | None = None
    """One cancels the other: what one order of a group fills, the others give up."""
    replaces: Id | None = None
    """Takes this order's place; rejected where that one is over or has filled since the decision."""
    replaces_left: Positive | None = None
    """What was left of the replaced order when this was decided."""


@message("ord", "refused")
class SignalRefused:
    """A signal that became no order, and the first rule that said so."""

    signal_id: Id
    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    rule: Name
    limit: Exact | None = None
    value: Exact | None = None
    text: Line = ""


@message("ord", "resolved")
class SignalResolved:
    """A signal that became no order: `no_change`, `superseded` by a newer one, or of a `shadow` strategy."""

    signal_id: Id
    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    outcome: Outcome
    superseded_by: Id | None = None


@message("ord", "shadow")
class ShadowFilled:
    """What a shadow strategy would have traded, and its virtual ledger after it. Nothing left risk."""

    fill_id: Id
    signal_id: Id
    """Or the id of the closing, where risk closed at the end."""
    ordinal: Count
    """Counts the strategy's virtual fills, from 1."""
    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    side: Side
    quantity: Positive
    price: Positive
    """With half the spread and slippage against it."""
    fee: Exact
    position: Exact
    """Signed, of the strategy in the instrument, after it."""
    average_price: Exact | None
    currency: Currency
    """Settlement currency: of `pnl_realized` and both fees."""
    pnl_realized: Exact
    """In the instrument since the session began, fees apart."""
    fees: Exact
    trades: Count
    """Round trips in the instrument since the session began."""
    trades_won: Count


@message("ord", "cancel")
class CancelRequested:
    """Risk wants an order that may still be working cancelled."""

    order_id: Id
    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    reason: Name


@message("ord", "position")
class PositionChanged:
    """A strategy's position in one instrument after a fill."""

    strategy: Name
    instrument: InstrumentKey
    ts: Ns
    quantity: Exact
    """Signed."""
    average_price: Exact | None
    """None when flat."""
    pnl_realized: Exact
    """In the settlement currency, since the session began, fees apart."""
    fees: Exact
    currency: Currency
    fill_id: Id | None = None


@message("ord", "pnl")
class PnlSampled:
    """The account, or one strategy of it, at one time, in account currency."""

    strategy: Name | None
    """None is the account."""
    ts: Ns
    currency: Currency
    equity: Exact
    pnl_realized: Exact
    pnl_unrealized: Exact
    fees: Exact
    gross_exposure: Exact
    net_exposure: Exact
    reserved: Exact
    """Worst-case notional that working orders could still add."""
    equity_peak: Exact
    drawdown_max: Exact
    """Largest fall of equity from its peak so far, in account currency, over all marks."""
    rates: dict[Currency, Positive] = field(default_factory=dict)
    """Of every other currency that it has something in: worth of one unit in account currency."""


@message("ord", "state")
class TradingStateChanged:
    """The trading state, and what changed it; also answers a command that changed nothing."""

    ts: Ns
    state: TradingState
    previous: TradingState
    reason: Line
    rule: Name | None = None
    limit: Exact | None = None
    value: Exact | None = None
    command_id: Id | None = None
    accepted: bool = True
    """False: the command was refused, `reason` says why."""
    order_id: Id | None = None
    """The order that the command made."""
    holds: tuple[Line, ...] = ()
    """Parts that are halted or reduced apart from the rest, after this: `halted: strategy a`."""
