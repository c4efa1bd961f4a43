"""What the api answers with: shapes and their making from the replica. Times are ns UTC, amounts strings."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from penstock_contracts.types import TradingState
from pydantic import BaseModel, ConfigDict

from penstock_api.replica import Replica


class View(BaseModel):
    """Root of the answers."""

    model_config = ConfigDict(frozen=True)


class SessionAnswer(View):
    """The session that runs."""

    session_id: str
    started_at: int
    ended_at: int | None
    stop_reason: str
    config_hash: str
    code_hash: str
    database: str | None
    """Tier of the database; null while it is away."""


class Money(View):
    """The account, or a strategy, in account currency."""

    ts: int
    currency: str
    equity: Decimal
    pnl_realized: Decimal
    pnl_unrealized: Decimal
    fees: Decimal
    gross_exposure: Decimal
    net_exposure: Decimal
    reserved: Decimal
    equity_peak: Decimal
    drawdown_max: Decimal


class PriceAnswer(View):
    """The last price of an instrument."""

    instrument: str
    ts: int
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None


class BalanceAnswer(View):
    """A balance at a venue."""

    venue: str
    currency: str
    ts: int
    total: Decimal
    available: Decimal


class WorkingAnswer(View):
    """An order in which something can still happen."""

    order_id: str
    strategy: str
    instrument: str
    ts: int
    side: str
    type: str
    quantity: Decimal
    limit_price: Decimal | None
    status: str
    quantity_filled: Decimal


class NoteAnswer(View):
    """What a strategy told its operator."""

    strategy: str
    ts: int
    level: str
    text: str
    location: str


class StateAnswer(View):
    """The session now, by the log."""

    trading_state: TradingState | None
    trading_reason: str
    stop: str
    flat: bool
    marks: dict[str, int]
    account: Money | None
    strategies: dict[str, Money]
    balances: list[BalanceAnswer]
    prices: list[PriceAnswer]
    working: list[WorkingAnswer]
    signals: dict[str, int]
    orders: dict[str, int]
    fills: int
    notes: list[NoteAnswer]
    errors: int
    backlog: int


class PositionAnswer(View):
    """A strategy's position in an instrument."""

    strategy: str
    instrument: str
    ts: int
    quantity: Decimal
    average_price: Decimal | None
    pnl_realized: Decimal
    fees: Decimal
    currency: str


class CommandAnswer(View):
    """What became of a command."""

    command_id: str
    outcome: str
    """`accepted`, or `pending` when nothing was heard in time."""
    state: TradingState | None
    previous: TradingState | None = None
    reason: str = ""
    ts: int | None = None


def state_of(replica: Replica, backlog: int) -> StateAnswer:
    """The replica as an answer."""
    settled = {str(outcome): count for outcome, count in sorted(replica.outcomes.items())}
    ended = {str(state): count for state, count in sorted(replica.orders.items())}
    return StateAnswer(
        trading_state=replica.trading_state,
        trading_reason=replica.trading_reason,
        stop=replica.stop,
        flat=replica.flat,
        marks=dict(replica.marks),
        account=_of(Money, replica.account) if replica.account is not None else None,
        strategies={name: _of(Money, each) for name, each in sorted(replica.strategies.items())},
        balances=[_of(BalanceAnswer, each) for _, each in sorted(replica.balances.items())],
        prices=[_of(PriceAnswer, each) for _, each in sorted(replica.prices.items())],
        working=[
            _of(WorkingAnswer, each.order, status=str(each.status), quantity_filled=each.quantity_filled)
            for each in replica.working.values()
        ],
        signals={"total": replica.signals, **settled},
        orders={"approved": replica.orders_approved, "working": len(replica.working), **ended},
        fills=replica.fills,
        notes=[_of(NoteAnswer, each) for each in replica.notes],
        errors=replica.errors,
        backlog=backlog,
    )


def positions_of(replica: Replica) -> list[PositionAnswer]:
    """The positions, flat ones too, by strategy and instrument."""
    return [_of(PositionAnswer, each) for _, each in sorted(replica.positions.items())]


def _of(shape: Any, source: Any, **more: Any) -> Any:
    fields = {name: getattr(source, name) for name in shape.model_fields if name not in more}
    return shape(**fields, **more)


def session_of(replica: Replica, database: str | None) -> SessionAnswer:
    """The session as an answer."""
    return SessionAnswer(**asdict(replica.session), database=database)
