"""Sharing one datum among our own orders: by price, then by time, never more than it holds."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeVar

from penstock_contracts.types import Liquidity
from penstock_kernel.money import ZERO, round_down

from penstock_execution.config import DataKind
from penstock_execution.paper.state import Market, VenueOrder

Batch_contra = TypeVar("Batch_contra", contravariant=True)


class Claim(NamedTuple):
    """What one datum offers to one order."""

    order: VenueOrder
    price: Decimal
    liquidity: Liquidity
    ahead: Decimal = ZERO
    """Of the datum's quantity: what goes to strangers ahead of the order."""


class Offer(NamedTuple):
    """What one datum offers to all of our orders together."""

    claims: list[Claim]
    reference: Decimal
    """The datum's own price: limits are ranked by how far they would go beyond it."""
    available: Decimal


class Share(NamedTuple):
    """What one order gets."""

    order: VenueOrder
    price: Decimal
    liquidity: Liquidity
    quantity: Decimal


class Matcher(Protocol[Batch_contra]):
    """How one kind of data fills orders. Another kind of data is another matcher, and nothing else."""

    @property
    def kind(self) -> DataKind:
        """The kind of data."""
        ...

    def counts(self, market: Market, batch: Batch_contra, /) -> bool:
        """Whether this batch fills orders in the market, which so far knows what it says there."""
        ...

    def first_row(self, batch: Batch_contra, orders: list[VenueOrder], start: int, /) -> int:
        """The first row from `start` on that may do something to an order; the number of rows if none."""
        ...

    def seeing(self, batch: Batch_contra, row: int, orders: list[VenueOrder], /) -> list[VenueOrder]:
        """The orders that work when this row happens."""
        ...

    def offer(self, market: Market, batch: Batch_contra, row: int, orders: list[VenueOrder], /) -> Offer:
        """What the row offers to those that see it. Queues move along, and what could not take rests."""
        ...

    def fill_time(self, batch: Batch_contra, row: int, order: VenueOrder, /) -> int:
        """Event time of a fill of the order by the row, ns."""
        ...

    def remember(self, market: Market, batch: Batch_contra, /) -> None:
        """Keep of the batch what later ones need."""
        ...


def shares(offer: Offer, lot: Decimal) -> Iterator[Share]:
    """Share what is available among the claims.

    Market orders come first, then limits by how far they would go beyond the reference, then by time of
    effect. Quantities are whole lots, except that an order's odd rest can be filled.
    """
    claims = offer.claims
    if len(claims) > 1:
        claims = sorted(claims, key=lambda claim: _priority(claim.order, offer.reference))
    taken = ZERO
    for order, price, liquidity, ahead in claims:
        quantity = offer.available - ahead - taken
        quantity = order.left if order.left <= quantity else round_down(quantity, lot)
        if quantity > 0:
            taken += quantity
            yield Share(order, price, liquidity, quantity)


def _priority(order: VenueOrder, reference: Decimal) -> tuple[bool, Decimal, int, int]:
    if order.limit is None:
        return False, ZERO, order.ts_effect, order.arrival
    return True, order.sign * (reference - order.limit), order.ts_effect, order.arrival
