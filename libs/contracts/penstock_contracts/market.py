"""Family `md`: what ingest says of the market."""

from dataclasses import field

from penstock_contracts.base import message
from penstock_contracts.columns import F64, I8, I64, Text
from penstock_contracts.control import Command
from penstock_contracts.instrument import Instrument
from penstock_contracts.types import (
    Count,
    Currency,
    Exact,
    InstrumentKey,
    Line,
    MarketStatus,
    Name,
    Ns,
    Positive,
    Scale,
    Side,
)


@message("md", "trade")
class TradeBatch:
    """Trades of one instrument in event-time order."""

    instrument: InstrumentKey
    source: Name
    price_scale: Scale
    size_scale: Scale
    ts_event: I64
    """Venue time, ns."""
    ts_init: I64
    """Time of receipt, ns: event time, never decreasing."""
    price: I64
    size: I64
    side: I8
    """Aggressor: +1 buy, -1 sell, 0 unknown."""
    flags: I8
    trade_id: Text


@message("md", "quote")
class QuoteBatch:
    """Top-of-book quotes of one instrument; a size of 0 means unknown."""

    instrument: InstrumentKey
    source: Name
    price_scale: Scale
    size_scale: Scale
    ts_event: I64
    ts_init: I64
    bid: I64
    ask: I64
    bid_size: I64
    ask_size: I64
    flags: I8


class BookAction:
    """Bits of the `action` column of a book."""

    SET = 1
    """Sets a level; size 0 deletes it. Without this bit the row clears the book first, as a snapshot does."""
    LAST = 2
    """Ends its update: the book may be looked at only after such a row."""


@message("md", "book")
class BookBatch:
    """Level changes of one instrument's book. Rows of one update share times and `last_update_id`."""

    instrument: InstrumentKey
    source: Name
    price_scale: Scale
    size_scale: Scale
    ts_event: I64
    ts_init: I64
    action: I8
    """Bits of `BookAction`: 0 clears the book, then sets the level (first row of a snapshot), 1 sets a level
    (size 0 deletes it); 2 more (2, 3) the same, and the update ends with this row."""
    side: I8
    """+1 bid, -1 ask."""
    price: I64
    size: I64
    first_update_id: I64
    last_update_id: I64


@message("md", "bar")
class BarBatch:
    """Bars of one instrument and interval as a source delivers them."""

    instrument: InstrumentKey
    source: Name
    interval: Ns
    price_scale: Scale
    size_scale: Scale
    ts_event: I64
    """End of the bar, ns: a bar covers the open interval before it and is known at its end."""
    ts_init: I64
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    """In the instrument's `volume_unit`."""
    trades: I64
    """Number of trades, -1 where unknown."""
    vwap: F64
    """Volume-weighted price in quote currency, NaN where unknown."""
    flags: I8


@message("md", "liquidation")
class Liquidation:
    """A forced close of somebody's position, as the venue reports it; `side` is that of its order."""

    instrument: InstrumentKey
    source: Name
    ts_event: Ns
    ts_init: Ns
    side: Side
    price: Positive
    quantity: Positive


@message("md", "funding")
class Funding:
    """A funding rate: longs pay `rate` of the notional at `ts_event` when it is positive."""

    instrument: InstrumentKey
    source: Name
    ts_event: Ns
    ts_init: Ns
    rate: Exact
    ts_next: Ns | None = None


@message(("md", "feat"), "rate")
class Rate:
    """One unit of `base` is worth `rate` units of `quote`."""

    base: Currency
    quote: Currency
    source: Name
    ts_event: Ns
    ts_init: Ns
    rate: Positive


@message(("md", "feat"), "instrument")
class InstrumentDefined:
    """An instrument as of now; features passes it on to risk."""

    instrument: Instrument
    ts_event: Ns
    ts_init: Ns


@message(("md", "feat"), "status")
class InstrumentStatus:
    """Whether an instrument trades from now on; features passes it on to risk."""

    instrument: InstrumentKey
    ts_event: Ns
    ts_init: Ns
    status: MarketStatus
    reason: Line = ""
    scheduled: bool = False
    """The instrument's calendar or expiry says so, else the venue. It trades where both let it."""
    day: Line = ""
    """Of a calendar: the date of the session that is under way, or was last, as in 2024-11-29."""
    day_end: Ns | None = None
    """Of a calendar: when that session ends."""
    ahead: tuple[Ns, ...] = ()
    """Of a calendar: when the market next closes or opens, in turn. Beyond the last nothing is known."""


@message(("md", "feat"), "gap")
class Gap:
    """Data that is missing: nothing between the two times was or will be delivered as live.

    Features passes it on to the strategies.
    """

    instrument: InstrumentKey | None
    source: Name
    ts_init: Ns
    ts_from: Ns
    ts_to: Ns
    reason: Line
    book: bool = False
    """The instrument's book is unknown from here to its next snapshot: no trading on it."""


@message("md", "quarantine")
class RowQuarantined:
    """A row of a source that was not believed: counted, kept, never traded on."""

    source: Name
    row: Count
    """Its number in the source: the line of a CSV file, else counted from 1."""
    reason: Name
    raw: Line
    """The row as it came, cut off after 2000 characters."""
    ts_init: Ns
    """The mark by which it was read."""


@message("md", "mark")
class Mark:
    """End of an interval: ingest's `done`. What is stamped in (start, ts] belongs to it."""

    ts: Ns
    start: Ns
    """The mark before, or the session's start."""
    ended: bool = False
    """The data is over; from here on nothing but marks follows."""
    positions: dict[str, Count] = field(default_factory=dict)
    """Rows of each feed released up to here: where ingest goes on after a restart."""
    commands: tuple[Command, ...] = ()
    quarantined: Count = 0
    """Rows quarantined since the session began."""
    events: Count = 0
    """Rows released since the session began."""
