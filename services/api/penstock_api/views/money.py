"""Money: the account, strategies, balances, positions, prices."""

from decimal import Decimal

from penstock_api.replica import Replica
from penstock_api.views.base import View, view_of


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
    """Worst-case notional that working orders could still add."""
    equity_peak: Decimal
    drawdown_max: Decimal
    """Largest fall of equity from its peak so far."""


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


class PositionAnswer(View):
    """A strategy's position in an instrument."""

    strategy: str
    instrument: str
    ts: int
    quantity: Decimal
    """Signed."""
    average_price: Decimal | None
    """Null when flat."""
    pnl_realized: Decimal
    """In `currency`, the instrument's settlement currency, fees apart."""
    fees: Decimal
    currency: str
    price: Decimal | None
    """What the position is marked at: the bid of a long one, the ask of a short one, else the last price."""
    pnl_unrealized: Decimal | None
    """In `currency`, at `price`; null where there is no price."""


def account_of(replica: Replica) -> Money | None:
    """The account as it was last sampled."""
    return view_of(Money, replica.account) if replica.account is not None else None


def prices_of(replica: Replica) -> list[PriceAnswer]:
    """The last price of every instrument."""
    return [view_of(PriceAnswer, each) for _, each in sorted(replica.prices.items())]


def balances_of(replica: Replica) -> list[BalanceAnswer]:
    """The balances by venue and currency."""
    return [view_of(BalanceAnswer, each) for _, each in sorted(replica.balances.items())]


def positions_of(replica: Replica) -> list[PositionAnswer]:
    """The positions, flat ones too, by strategy and instrument."""
    found = []
    for _, each in sorted(replica.positions.items()):
        price, unrealized = replica.marked(each)
        found.append(view_of(PositionAnswer, each, price=price, pnl_unrealized=unrealized))
    return found
