"""Sharing one datum among our own orders: by price, then by time, never more than it holds."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeVar

from penstock_contracts.types import Liquidity
from penstock_kernel.money import ZERO, round_down

from penstock_execution.config import DataKind
from penstock_execution.paper.state import Market, VenueOrder

AT_ONCE, STOPPED, RESTED, TOUCHED = range(4)
"""Ranks of claims: at the datum's (a bar's first) price; then stops, limits, and take-profits last."""
Room = Callable[[VenueOrder], Decimal]
"""How much of an order may fill now; not above what is left of it."""
Batch_contra = TypeVar("Batch_contra", contravariant=True)


class Claim(NamedTuple):
    """What one datum offers to one order."""

    order: VenueOrder
    price: Decimal
    liquidity: Liquidity
    ahead: Decimal = ZERO
    """Of the datum's quantity: what goes to strangers ahead of the order."""
    base: Decimal | None = None
    """Of a bar: the price, costs apart, if it is not `price` itself."""
    rank: int = AT_ONCE
    """Of a bar: what happens within it comes after what happens at its open, the worse for us first."""


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
    base: Decimal | None = None
    rank: int = AT_ONCE


Opened = tuple[VenueOrder, Share]
"""An order that works from now on, and the share of its parent that made it so."""


class Matcher(Protocol[Batch_contra]):
    """How one kind of data fills orders. Another kind of data is another matcher, and nothing else."""

    @property
    def kind(self) -> DataKind:
        """The kind of data."""
        ...

    @property
    def triggers_take(self) -> bool:
        """Whether what a datum triggers takes of that datum, not only of later ones."""
        ...

    def counts(self, market: Market, batch: Batch_contra, /) -> bool:
        """Whether this batch fills orders in the market, which so far knows what it says there."""
        ...

    def first_row(self, batch: Batch_contra, orders: list[VenueOrder], rows: range, /) -> int:
        """The first of some rows that may do something to an order; where they end if none."""
        ...

    def seeing(self, batch: Batch_contra, row: int, orders: list[VenueOrder], /) -> list[VenueOrder]:
        """The orders that work when this row happens."""
        ...

    def offer(self, market: Market, batch: Batch_contra, row: int, orders: list[VenueOrder], /) -> Offer:
        """What the row offers to those that see it. Queues move along, and what could not take rests."""
        ...

    def entered(self, batch: Batch_contra, row: int, opened: Sequence[Opened], /) -> list[Claim]:
        """What the row offers to orders that it set to work itself. Asked only where `triggers_take`."""
        ...

    def follow(self, batch: Batch_contra, orders: list[VenueOrder], begin: int, end: int, /) -> None:
        """Let trailing stops follow the rows [begin, end), which trigger nothing."""
        ...

    def last_before(self, market: Market, batch: Batch_contra, row: int, /) -> Decimal | None:
        """The last price before a row; None if there was none."""
        ...

    def rest(self, market: Market, batch: Batch_contra, row: int, order: VenueOrder, /) -> None:
        """Let a post-only order rest, before a row."""
        ...

    def fill_time(self, batch: Batch_contra, row: int, order: VenueOrder, /) -> int:
        """Event time of a fill of the order by the row, ns."""
        ...

    def remember(self, market: Market, batch: Batch_contra, end: int, /) -> None:
        """Keep of the batch, of which the rows up to `end` have passed, what later ones need."""
        ...


def shares(offer: Offer, lot: Decimal, room: Room) -> Iterator[Share]:
    """Share what is available among the claims.

    By rank; within it market orders come first, then limits by how far they would go beyond the reference,
    then by time of effect. Quantities are whole lots, except that an order's odd rest can be filled; of an
    order to fill whole or not, all or nothing. Between two shares the one that was given must be booked:
    it may leave less room for the next.
    """
    claims = offer.claims
    if len(claims) > 1:
        claims = sorted(claims, key=lambda claim: _priority(claim, offer.reference))
    taken = ZERO
    for claim in claims:
        order = claim.order
        most = room(order)
        quantity = offer.available - claim.ahead - taken
        quantity = most if most <= quantity else round_down(quantity, lot)
        if quantity > 0 and not (order.whole and quantity < order.left):
            taken += quantity
            yield Share(order, claim.price, claim.liquidity, quantity, claim.base, claim.rank)


def _priority(claim: Claim, reference: Decimal) -> tuple[int, bool, Decimal, int, int]:
    order = claim.order
    if order.limit is None:
        return claim.rank, False, ZERO, order.ts_effect, order.arrival
    return claim.rank, True, order.sign * (reference - order.limit), order.ts_effect, order.arrival
