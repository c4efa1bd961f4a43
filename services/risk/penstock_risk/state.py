"""What risk remembers: the whole of it is the snapshot."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from penstock_contracts.instrument import Instrument
from penstock_contracts.signals import Signal
from penstock_contracts.types import MarketStatus, OrderType, TradingState
from penstock_kernel.hours import Hours
from penstock_kernel.ledger import Position
from penstock_kernel.money import ZERO

Role = Literal["entry", "stop", "target"]
"""What an order is for: to bring the position that a signal wants, or to protect it."""


@dataclass(slots=True)
class WorkingOrder:
    """An approved order that is not over yet, and the exposure that it reserves."""

    order_id: str
    sign: int
    """+1 buys, -1 sells."""
    quantity_left: Decimal
    unit_notional: Decimal
    """What one unit adds to exposure at the order's worst price, in account currency."""
    limit_price: Decimal | None
    closing: bool = False
    """Sent by risk itself to close a position: signals leave it alone."""
    cancel_requested: bool = False
    type: OrderType = OrderType.MARKET
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    role: Role = "entry"
    accepted: bool = False
    """The venue has it, as far as we know."""
    replaces: str = ""
    """The order whose place it takes: of the two one works."""

    @property
    def protects(self) -> bool:
        """A bracket's stop or target: it fills only what there is to close, so it reserves nothing."""
        return self.role != "entry"


@dataclass(slots=True)
class Book:
    """One strategy in one instrument: its position, its working orders, the signal that waits."""

    strategy: str
    instrument: str
    position: Position
    working: dict[str, WorkingOrder] = field(default_factory=dict)
    lost: dict[str, WorkingOrder] = field(default_factory=dict)
    """Given up at a live venue: should one fill after all, it is booked, and trading halts."""
    waiting: Signal | None = None
    """Decided when what its predecessor has working is over."""
    closing: str = ""
    """Why the position is being closed, empty while it is not; signals are refused meanwhile."""

    @property
    def key(self) -> tuple[str, str]:
        """Strategy and instrument, by which it is found."""
        return self.strategy, self.instrument


@dataclass(slots=True)
class Hold:
    """A part of the account that is halted or reduced apart from the rest; None does not restrict it."""

    state: TradingState
    venue: str | None = None
    instrument: str | None = None
    underlying: str | None = None
    strategy: str | None = None


@dataclass(slots=True)
class MarkPrice:
    """An instrument's price at the last mark that had one, as scaled integers."""

    scale: int
    ts_data: int
    last: int
    bid: int
    """0 where there are no quotes."""
    ask: int


@dataclass(slots=True)
class AccountState:
    """Equity as of the last mark or fill, and what the stops measure it against. Account currency."""

    equity: Decimal
    equity_peak: Decimal
    drawdown_max: Decimal = ZERO
    stop_peak: Decimal = ZERO
    """The peak that the drawdown stop counts from; starts again after a stop that waited for a day."""
    day: int = -1
    """Days since the epoch."""
    day_equity: Decimal = ZERO
    """Equity when the day began."""
    ts_prices: int = 0
    """The mark of the prices taken last."""
    dirty: bool = False
    """Prices or rates were taken that equity does not show yet."""
    trades: int = 0
    losses_in_a_row: int = 0


@dataclass(slots=True)
class RiskState:
    """Everything that a snapshot holds."""

    account: AccountState
    trading: TradingState = TradingState.ACTIVE
    now: int = 0
    """The last mark."""
    started: int = -1
    """Event time at which the session began, -1 before the first interval."""
    sample_at: int = 0
    """The next time of an equity sample."""
    orders: int = 0
    refused: int = 0
    books: list[Book] = field(default_factory=list)
    marks: dict[str, MarkPrice] = field(default_factory=dict)
    rates: dict[str, Decimal] = field(default_factory=dict)
    """Worth of one unit of each currency in account currency."""
    instruments: dict[str, Instrument] = field(default_factory=dict)
    """Definitions that came after the session's own."""
    statuses: dict[str, MarketStatus] = field(default_factory=dict)
    """As the venue said."""
    hours: dict[str, Hours] = field(default_factory=dict)
    """As calendars and expiries said."""
    order_times: list[int] = field(default_factory=list)
    """Decision times of the last minute's orders, ascending."""
    stop: str = ""
    """Why the session must end."""
    waiting_day: str = ""
    """The stop that waits for the next day."""
    operator_hold: bool = False
    """An operator reduced or flattened: only `resume` makes it active again."""
    waiting_until: int = 0
    """The day boundary at which trading may go on."""
    ended: bool = False
    """The data is over."""
    settings: dict[str, str] = field(default_factory=dict)
    """Limits that commands changed."""
    holds: list[Hold] = field(default_factory=list)
    """Parts of the account that operators halted or reduced."""
