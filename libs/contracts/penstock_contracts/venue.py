"""Family `ven`: what execution and the venue did."""

from penstock_contracts.base import message
from penstock_contracts.types import (
    Count,
    Currency,
    Exact,
    Id,
    InstrumentKey,
    Line,
    Liquidity,
    Name,
    Ns,
    OrderState,
    Positive,
    Side,
)


@message("ven", "submitted")
class OrderSubmitted:
    """The order is in flight and takes effect at `ts_effect`."""

    order_id: Id
    client_order_id: Id
    strategy: Name
    instrument: InstrumentKey
    number: Count
    """Counts what happened to the order, from 1."""
    ts: Ns
    ts_effect: Ns


@message("ven", "accepted")
class OrderAccepted:
    """The venue has the order working."""

    order_id: Id
    strategy: Name
    instrument: InstrumentKey
    number: Count
    ts: Ns
    venue_order_id: Id


@message("ven", "event")
class OrderChanged:
    """A transition that is neither submission, acceptance nor fill."""

    order_id: Id
    strategy: Name
    instrument: InstrumentKey
    number: Count
    ts: Ns
    from_state: OrderState
    to_state: OrderState
    reason: Line = ""


@message("ven", "fill")
class Fill:
    """A fill of an order; sum of fills = position."""

    fill_id: Id
    order_id: Id
    order_ordinal: Count
    strategy: Name
    instrument: InstrumentKey
    venue: Name
    number: Count
    ts: Ns
    """Event time of the fill."""
    ts_known: Ns
    """When the answer reaches us: `ts` plus the response latency."""
    side: Side
    price: Positive
    quantity: Positive
    fee: Exact
    fee_currency: Currency
    liquidity: Liquidity
    quantity_left: Exact


@message("ven", "balance")
class BalanceChanged:
    """A balance at a venue after a change, in units of `currency`."""

    venue: Name
    currency: Currency
    ts: Ns
    total: Exact
    available: Exact
    reason: Line = ""
