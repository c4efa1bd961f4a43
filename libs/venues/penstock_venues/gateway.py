"""The port to a venue's orders: all that live execution asks of a venue.

An adapter maps the venue's requests and answers to these, keeps no state that matters (whoever uses it
does), never sends a request twice by itself, and names instruments as the log does. Times are wall time,
ns UTC, as the venue says them. A venue must let orders be found and cancelled by client order id.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from penstock_contracts.orders import OrderApproved
from penstock_contracts.types import Liquidity, OrderType, Side, TimeInForce


class Standing(StrEnum):
    """Where an order stands at the venue."""

    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def over(self) -> bool:
        """Whether nothing more can happen to it there."""
        return self is not Standing.WORKING


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it is sent."""

    client_order_id: str
    instrument: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_at: int | None = None
    post_only: bool = False
    reduce_only: bool = False

    @staticmethod
    def of(approval: OrderApproved) -> "NewOrder":
        """The order that an approval allows."""
        return NewOrder(
            client_order_id=approval.client_order_id,
            instrument=approval.instrument,
            side=approval.side,
            type=approval.type,
            quantity=approval.quantity,
            limit_price=approval.limit_price,
            stop_price=approval.stop_price,
            time_in_force=approval.time_in_force,
            expire_at=approval.expire_at,
            post_only=approval.post_only,
            reduce_only=approval.reduce_only,
        )


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue knows it."""

    client_order_id: str
    """Empty for an order that was placed without one."""
    venue_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    quantity_filled: Decimal
    standing: Standing
    ts: int
    """Of its last change."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VenueFill:
    """A fill as the venue knows it."""

    trade_id: str
    """Unique at the venue: a fill that is told twice is known by it."""
    client_order_id: str
    venue_order_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    ts: int


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """What is at the venue, in units of `currency`."""

    currency: str
    total: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The first event of every stream: what happens from here on is told."""


VenueEvent = StreamOpened | VenueOrder | VenueFill | VenueBalance


class OrderGateway(Protocol):
    """One account at one venue. Every method may raise Unclear and RateLimited."""

    venue: str
    """As instruments name it."""

    async def submit(self, order: NewOrder) -> VenueOrder:
        """Place an order. Refused when the venue will not have it."""
        ...

    async def cancel(self, client_order_id: str, instrument: str) -> None:
        """Ask for an order's end; an event says when it came. Refused when nothing of that id works."""
        ...

    async def order(self, client_order_id: str, instrument: str) -> VenueOrder | None:
        """The order of that id, working or over; None when the venue knows of none."""
        ...

    async def open_orders(self) -> Sequence[VenueOrder]:
        """Everything that works, whoever placed it."""
        ...

    async def fills(self, since: int) -> Sequence[VenueFill]:
        """All fills at or after a time, oldest first."""
        ...

    async def balances(self) -> Sequence[VenueBalance]:
        """What the account holds."""
        ...

    def events(self) -> AsyncIterator[VenueEvent]:
        """Connect, say `StreamOpened`, and tell what happens from then on. Raises Disconnected at its end.

        An order's fills and changes may come in any order, and more than once.
        """
        ...

    async def close(self) -> None:
        """Give the connections back. Orders stay as they are."""
        ...
