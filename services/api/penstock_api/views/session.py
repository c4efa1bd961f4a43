"""The session, and its state in one answer."""

from dataclasses import asdict

from penstock_contracts.types import TradingState

from penstock_api.replica import Replica
from penstock_api.views.base import View, view_of
from penstock_api.views.money import BalanceAnswer, Money, PriceAnswer, account_of, balances_of, prices_of
from penstock_api.views.orders import WorkingAnswer, working_of


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
    """Why risk ends the session; empty while it does not."""
    flat: bool
    marks: dict[str, int]
    """By family: event time up to which its producer is done."""
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
    """Messages of the log that wait to be read here."""
    sequence: int
    """Log sequence of the last message read: what this answer is as of."""


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
        account=account_of(replica),
        strategies={name: view_of(Money, each) for name, each in sorted(replica.strategies.items())},
        balances=balances_of(replica),
        prices=prices_of(replica),
        working=working_of(replica),
        signals={"total": replica.signals, **settled},
        orders={"approved": replica.orders_approved, "working": len(replica.working), **ended},
        fills=replica.fills,
        notes=[view_of(NoteAnswer, each) for each in replica.notes],
        errors=replica.errors,
        backlog=backlog,
        sequence=replica.sequence,
    )


def session_of(replica: Replica, database: str | None) -> SessionAnswer:
    """The session as an answer."""
    told = asdict(replica.session)
    return SessionAnswer(**{name: told[name] for name in told if name != "config"}, database=database)
