"""Field types shared by the messages: units, bounds, enumerations."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le, MaxLen
from pydantic import AfterValidator, Field, StringConstraints

Ns = Annotated[int, Ge(0), Le(2**63 - 1)]
"""Nanoseconds UTC since the epoch."""
NEVER: int = 2**63 - 1
"""A due time that never comes."""
Count = Annotated[int, Ge(0), Le(2**63 - 1)]
"""A number of things, or an ordinal: what a database's bigint holds."""
Finite = Annotated[float, Field(allow_inf_nan=False)]

DECIMAL_DIGITS_MAX = 120


def _plain(value: Decimal) -> Decimal:
    # The other bounds let zeros through: 0E-999999999 would be written out with a billion of them.
    exponent = value.as_tuple().exponent
    if not (isinstance(exponent, int) and -DECIMAL_DIGITS_MAX <= exponent <= DECIMAL_DIGITS_MAX):
        raise ValueError(f"more than {DECIMAL_DIGITS_MAX} digits")
    return value


Exact = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=DECIMAL_DIGITS_MAX, ge=-(10**30), le=10**30),
    AfterValidator(_plain),
]
"""An exact decimal of bounded size; a string on the wire."""
Positive = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=DECIMAL_DIGITS_MAX, gt=0, le=10**30),
    AfterValidator(_plain),
]
"""An exact decimal above zero."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]
InstrumentKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}\.[a-z0-9_-]{1,32}$")]
"""`<symbol>.<venue>`, both slugged: `btc-usdt-perp.binance`."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,16}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,80}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Line = Annotated[str, MaxLen(2000)]
"""Free text of bounded length."""
Scale = Annotated[int, Ge(0), Le(18)]
"""Number of decimals: an integer v of scale s means v / 10**s."""


class Side(StrEnum):
    """Side of an order, a fill or an aggressor."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class Direction(StrEnum):
    """What a strategy wants to be."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class TargetKind(StrEnum):
    """How a signal says how much."""

    FRACTION = "fraction"
    QUANTITY = "quantity"
    NOTIONAL = "notional"
    RISK = "risk"


class OrderType(StrEnum):
    """When and at which price an order trades."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order works: till cancelled, at once or not at all, whole at once, till a date, the day."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"
    DAY = "day"


class OrderState(StrEnum):
    """States of an order; `penstock_execution.states` holds the table of transitions."""

    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCEL_PENDING = "cancel_pending"
    CANCELLED = "cancelled"
    REPLACE_PENDING = "replace_pending"
    REPLACED = "replaced"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    LOST = "lost"

    @property
    def terminal(self) -> bool:
        """Whether nothing more can happen to the order."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REPLACED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.LOST,
    }
)


class Liquidity(StrEnum):
    """Whether a fill made liquidity (it rested) or took it."""

    MAKER = "maker"
    TAKER = "taker"


class TradingState(StrEnum):
    """What risk lets through: everything, only what reduces, nothing but cancels."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class InstrumentKind(StrEnum):
    """What kind of contract an instrument is."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"
    EQUITY = "equity"


class MarketStatus(StrEnum):
    """Whether an instrument's market trades."""

    TRADING = "trading"
    HALTED = "halted"
    AUCTION = "auction"
    CLOSED = "closed"


class Outcome(StrEnum):
    """The one thing that becomes of a signal."""

    APPROVED = "approved"
    REFUSED = "refused"
    NO_CHANGE = "no_change"
    SUPERSEDED = "superseded"
    SHADOW = "shadow"
    """A shadow strategy's: traded in a virtual ledger only."""


class RowFlag:
    """Bits of the `flags` columns."""

    OFF_TICK = 1
    LATE = 2
    EMPTY = 4
    """A bar of an interval in which nothing traded; it repeats the last close."""
    PARTIAL = 8
    """A bar whose data began or ended inside its interval."""
