"""What the api answers with. Times are ns UTC, amounts exact decimals; fields that are new are ignored."""

from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Model(BaseModel):
    """Root of the answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Page(Model, Generic[T]):
    """Some rows, and where the next page begins; None at the end."""

    items: list[T]
    next_cursor: str | None = None


class Me(Model):
    """Who the api takes you for: `viewer`, `operator` or `risk_admin`."""

    name: str
    role: str
    via: str


class Session(Model):
    """The session that runs."""

    session_id: str
    started_at: int
    ended_at: int | None
    stop_reason: str
    config_hash: str
    database: str | None


class Money(Model):
    """The account, in account currency."""

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


class Price(Model):
    """The last price of an instrument."""

    instrument: str
    ts: int
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None


class Balance(Model):
    """A balance at a venue."""

    venue: str
    currency: str
    ts: int
    total: Decimal
    available: Decimal


class WorkingOrder(Model):
    """An order in which something can still happen."""

    order_id: str
    strategy: str
    instrument: str
    ts: int
    side: str
    type: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    status: str
    quantity_filled: Decimal
    reason: str


class State(Model):
    """The session now."""

    trading_state: str | None
    trading_reason: str
    stop: str
    flat: bool
    account: Money | None
    balances: list[Balance]
    prices: list[Price]
    working: list[WorkingOrder]
    signals: dict[str, int]
    orders: dict[str, int]
    fills: int
    errors: int
    sequence: int


class Position(Model):
    """A strategy's position in an instrument; `quantity` is signed."""

    strategy: str
    instrument: str
    ts: int
    quantity: Decimal
    average_price: Decimal | None
    pnl_realized: Decimal
    pnl_unrealized: Decimal | None
    fees: Decimal
    currency: str
    price: Decimal | None


class Pnl(Model):
    """A sample of the account."""

    ts: int
    currency: str
    equity: Decimal
    pnl_realized: Decimal
    pnl_unrealized: Decimal
    fees: Decimal
    gross_exposure: Decimal
    net_exposure: Decimal
    drawdown_max: Decimal


class Order(Model):
    """An order."""

    order_id: str
    signal_id: str
    ts: int
    strategy: str
    instrument: str
    side: str
    type: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: str
    status: str
    quantity_filled: Decimal
    average_price: Decimal | None
    fees: Decimal | None
    fee_currency: str | None
    reference_price: Decimal
    reason: str


class OrderEvent(Model):
    """One step of an order."""

    number: int
    ts: int
    from_state: str
    to_state: str
    reason: str


class OrderDetail(Model):
    """An order, and what happened to it."""

    order: Order
    events: list[OrderEvent]


class Fill(Model):
    """A fill."""

    fill_id: str
    order_id: str
    ts: int
    strategy: str
    instrument: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str


class Signal(Model):
    """A signal, and what became of it; `outcome` is None while that is open."""

    signal_id: str
    ts: int
    strategy: str
    instrument: str
    side: str
    confidence: float
    target_kind: str
    target: Decimal
    price: Decimal
    outcome: str | None
    reason: str | None


class Refusal(Model):
    """Why a signal was refused."""

    signal_id: str
    ts: int
    strategy: str
    instrument: str
    rule: str
    limit: Decimal | None
    value: Decimal | None
    text: str


class Strategy(Model):
    """A strategy of the session."""

    name: str
    source: str
    mode: str
    on: bool
    failed: str
    parameters: dict[str, Any]
    instruments: list[str]
    positions: dict[str, Decimal]
    working: int


class Limit(Model):
    """A limit, and how much of it is used."""

    rule: str
    scope: str
    limit: Decimal
    value: Decimal
    share: Decimal | None


class Risk(Model):
    """The trading state, and how much of each limit is used."""

    trading_state: str | None
    trading_reason: str
    holds: list[str]
    refused: int
    limits: list[Limit]


class Settings(Model):
    """Risk's settings as they hold now, and those that commands changed."""

    settings: dict[str, Any]
    changed: dict[str, str]


class Instrument(Model):
    """An instrument's definition, and its last price."""

    definition: dict[str, Any]
    price: Price | None


class Bar(Model):
    """A bar that covers the interval before `ts`."""

    ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int | None
    complete: bool


class Bars(Model):
    """Bars of one interval (ns), the oldest first."""

    interval: int
    source: str
    items: list[Bar]


class Level(Model):
    """A level of a book."""

    price: Decimal
    size: Decimal


class Book(Model):
    """The best levels of a book; not `usable` before its first snapshot and after a gap."""

    instrument: str
    usable: bool
    ts: int | None
    bids: list[Level]
    asks: list[Level]


class Features(Model):
    """Features of an instrument; None while they warm up."""

    ts: int
    trigger: str
    interval: int | None
    set_version: str
    values: dict[str, float | None]


class Service(Model):
    """A service as it reported last."""

    service: str
    state: str
    age_s: float
    mark: int
    lag: int
    events: int
    rss_bytes: int
    errors: int
    error: str


class Stream(Model):
    """A stream of the log."""

    stream: str
    messages: int
    bytes: int
    bytes_max: int | None


class Health(Model):
    """Whether everything works, and why not."""

    healthy: bool
    reasons: list[str]
    services: list[Service]
    streams: list[Stream]


class AuditEntry(Model):
    """Who did what, and what came of it."""

    ts: int
    sequence: int
    who: str
    what: str
    outcome: str
    reason: str
    command_id: str | None
    details: dict[str, Any]


class DeadLetter(Model):
    """A message that could not be read."""

    number: int
    subject: str
    sequence: int
    why: str
    copies: int


class Quarantined(Model):
    """Something that was not believed."""

    ts: int
    family: str
    kind: str
    reason: str
    raw: str


class PastSession(Model):
    """A session that the database knows."""

    session: str
    started_at: int
    ended_at: int | None
    stop_reason: str | None


class Report(Model):
    """A session or backtest that has, or will have, a report."""

    name: str
    kind: str
    created_at: int
    status: str
    written: bool


class Done(Model):
    """What became of a command: `accepted`, or `pending` when nothing was heard of it in time."""

    command_id: str
    outcome: str
    state: str | None
    previous: str | None
    reason: str
    holds: tuple[str, ...] = ()
    ts: int | None
    order_id: str | None
