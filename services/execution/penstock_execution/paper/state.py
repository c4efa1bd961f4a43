"""What the paper venue remembers. Plain dataclasses: a snapshot is their JSON."""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.types import NEVER, Liquidity, MarketStatus
from penstock_kernel.book import BookSide, OrderBook
from penstock_kernel.hours import Hours, expired, opened
from penstock_kernel.money import from_scaled

from penstock_execution.config import DataKind
from penstock_execution.states import Event


@dataclass(slots=True)
class VenueOrder:
    """An order as the venue sees it."""

    order_id: str
    arrival: int
    """Counts the orders sent to the venue, from 1: time priority between equal effect times."""
    strategy: str
    sign: int
    """+1 buy, -1 sell."""
    limit: Decimal | None
    """None: at market."""
    immediate: bool
    """IOC or FOK: what the first datum after its effect, or its trigger, does not fill is cancelled."""
    left: Decimal
    reference: Decimal
    """The price that it was decided at."""
    ts_effect: int
    """A datum stamped later can fill it, ns."""
    whole: bool = False
    """FOK: all of it at once, or nothing."""
    post_only: bool = False
    reduce_only: bool = False
    """Fills only what brings its strategy's position nearer to zero."""
    waiting: bool = False
    """For its trigger; from then on it is the market or limit order that `limit` says."""
    trigger: Decimal | None = None
    """The price that it waits for; None for a trailing stop that saw no datum yet."""
    trigger_sign: int = 0
    """+1: triggered at that price or above, -1: or below."""
    trail: Decimal | None = None
    """Distance at which the trigger follows the price."""
    arrived: bool = True
    """False: what the market is like at its effect decides whether it is accepted."""
    parent: str = ""
    """The order on whose first fill it depends."""
    held: bool = False
    """Accepted, but its parent has no fill yet: nothing fills or triggers it."""
    group: str = ""
    settles: bool = False
    """Settles a position in what has expired: at the last price, costs of trading apart."""
    ceded: Decimal = Decimal(0)
    """Filled by others of its group: so much less of it can fill."""
    replaces: str = ""
    replaces_left: Decimal | None = None
    ts_cancel: int = NEVER
    """A datum stamped later cannot fill it any more, ns."""
    expires: bool = False
    """What happens then is that it expires; else it is cancelled."""
    cancel_reason: str = ""
    resting: bool = False
    """A limit that could not take, and therefore rests from then on."""
    queue: Decimal | None = None
    """What must trade at its price before it does; None: not known, only a trade through fills it."""
    chasing: bool = False
    """It took all that a quote had: the rest is dearer."""
    answers: int = 0
    """Counts what the venue said about it."""


@dataclass(slots=True)
class Answer:
    """Something that happened at the venue, and when we get to know it."""

    order_id: str
    arrival: int
    sequence: int
    event: Event
    ts: int
    ts_known: int
    reason: str = ""
    price: Decimal | None = None
    quantity: Decimal | None = None
    """Of a fill, like `price` and all that follows."""
    fee: Decimal = Decimal(0)
    fee_currency: str = ""
    liquidity: Liquidity = Liquidity.TAKER
    left: Decimal = Decimal(0)


@dataclass(slots=True)
class Standing:
    """A book, or the last quote as one; what we took of a level stays taken until the level is set again."""

    book: OrderBook = field(default_factory=OrderBook)
    taken_bids: dict[int, int] = field(default_factory=dict)
    """Scaled size by scaled price."""
    taken_asks: dict[int, int] = field(default_factory=dict)

    @property
    def middle(self) -> Decimal | None:
        """Between bid and ask; None where it cannot be traded on, or a side is empty."""
        book = self.book
        if not book.two_sided:
            return None
        return from_scaled((book.bids.best + book.asks.best) * 5, book.price_scale + 1)


@dataclass(slots=True)
class Market:
    """One instrument: what its data last said, and our orders in it in order of arrival."""

    instrument: Instrument
    status: MarketStatus
    """As the venue said."""
    hours: Hours | None = None
    """As the calendar, or the expiry, said."""
    kind: DataKind | None = None
    """The best kind of data seen: the one that fills orders."""
    bar_interval: int = 0
    """Of the shortest bars seen, which are those that fill orders, ns; 0: none seen."""
    last: int = 0
    """Last price, scaled; 0: none yet."""
    last_scale: int = 0
    ts_last: int = 0
    """Event time of the last datum, ns."""
    sizes: list[int] = field(default_factory=list)
    """Sizes of the last trades, scaled: they estimate the queue."""
    sizes_scale: int = 0
    orders: list[VenueOrder] = field(default_factory=list)
    positions: dict[str, Decimal] = field(default_factory=dict)
    """Signed sum of the fills, by strategy: what reduce-only orders may reduce."""
    standing: Standing | None = None
    """Where there are quotes or books."""

    @property
    def price(self) -> Decimal | None:
        """The last price, if there was one; where quotes or books stand, the middle, if both sides do."""
        if self.standing is not None:
            return self.standing.middle
        return from_scaled(self.last, self.last_scale) if self.last else None

    @property
    def trading(self) -> bool:
        """Whether anything can fill."""
        return self.status is MarketStatus.TRADING and opened(self.instrument, self.hours)

    @property
    def expired(self) -> bool:
        """Whether its time is over: what data still comes says nothing of it."""
        return self.hours is not None and expired(self.instrument, self.hours.ts)


def copy_of(market: Market) -> Market:
    """A market that can change without this one changing."""
    standing = market.standing
    if standing is not None:
        book = standing.book
        standing = Standing(
            replace(book, bids=_copied(book.bids), asks=_copied(book.asks)),
            dict(standing.taken_bids),
            dict(standing.taken_asks),
        )
    return replace(
        market,
        orders=[replace(order) for order in market.orders],
        positions=dict(market.positions),
        sizes=list(market.sizes),
        standing=standing,
    )


def _copied(side: BookSide) -> BookSide:
    return BookSide(side.sign, dict(side.sizes), list(side.keys))


@dataclass(slots=True)
class PaperState:
    """The whole venue."""

    markets: dict[str, Market] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    """On their way to us."""
    arrivals: int = 0
    """Orders that were sent to the venue."""
    ts_ended: int | None = None
    """The mark after which there is no data any more, ns."""
