"""Money: the account, strategies, balances, positions, prices."""

from penstock_api.replica import Replica
from penstock_api.views.base import Amount, View, view_of


class Money(View):
    """The account, or a strategy, in account currency."""

    ts: int
    currency: str
    equity: Amount
    pnl_realized: Amount
    pnl_unrealized: Amount
    fees: Amount
    gross_exposure: Amount
    net_exposure: Amount
    reserved: Amount
    """Worst-case notional that working orders could still add."""
    equity_peak: Amount
    drawdown_max: Amount
    """Largest fall of equity from its peak so far."""


class PriceAnswer(View):
    """The last price of an instrument."""

    instrument: str
    ts: int
    last: Amount
    bid: Amount | None
    ask: Amount | None


class BalanceAnswer(View):
    """A balance at a venue."""

    venue: str
    currency: str
    ts: int
    total: Amount
    available: Amount


class PositionAnswer(View):
    """A strategy's position in an instrument."""

    strategy: str
    instrument: str
    ts: int
    quantity: Amount
    """Signed."""
    average_price: Amount | None
    """Null when flat."""
    pnl_realized: Amount
    """In `currency`, the instrument's settlement currency, fees apart."""
    fees: Amount
    currency: str
    price: Amount | None
    """What the position is marked at: the bid of a long one, the ask of a short one, else the last price."""
    pnl_unrealized: Amount | None
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
