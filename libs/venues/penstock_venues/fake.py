"""A venue in memory: latency, partial fills, and every way to go wrong, on demand or by a seed.

`FakeVenue` is the exchange, `FakeGateway` one connection to it. The venue outlives its gateways, counts what
reached it, and knows each account's truth: what a test holds the platform's own books against.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from penstock_contracts.types import Liquidity, OrderType, Side
from penstock_kernel.money import ZERO

from penstock_venues.errors import RateLimited, Refused
from penstock_venues.faults import Fate, Manner, Misdeed, Obliging
from penstock_venues.gateway import NewOrder, Standing, VenueBalance, VenueEvent, VenueFill, VenueOrder

FEE = Decimal("0.0005")


@dataclass(slots=True)
class Resting:
    """An order at the venue."""

    order: NewOrder
    venue_order_id: str
    standing: Standing = Standing.WORKING
    filled: Decimal = ZERO
    ts: int = 0
    reason: str = ""
    fate: Fate = field(default_factory=Fate)

    def seen(self) -> VenueOrder:
        """What the venue says of it."""
        return VenueOrder(
            client_order_id=self.order.client_order_id,
            venue_order_id=self.venue_order_id,
            instrument=self.order.instrument,
            side=self.order.side,
            quantity=self.order.quantity,
            quantity_filled=self.filled,
            standing=self.standing,
            ts=self.ts,
            reason=self.reason,
        )


class FakeVenue:
    """Matches nothing: an order's fate says what becomes of it. Sleeps on the event loop only."""

    def __init__(
        self,
        name: str = "fake",
        *,
        price_of: Callable[[str], Decimal] = lambda _: Decimal(100),
        manner: Manner | None = None,
        latency_s: float = 0.001,
        timeout_s: float = 0.02,
        late_s: float = 0.1,
        limit_per_s: int = 1_000_000,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = name
        self.latency_s, self.timeout_s, self.late_s = latency_s, timeout_s, late_s
        self._price_of = price_of
        self._manner = manner or Obliging(Random(0))  # noqa: S311  (reproducible, no secret)
        self._limit_per_s = limit_per_s
        self._clock = clock
        self._recent: deque[int] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.misdeeds: deque[Misdeed | None] = deque()
        """Of the next submissions and cancels, in order, before the manner decides."""
        self.every_submission: Misdeed | None = None
        """Of all submissions, before either."""
        self.fates: deque[Fate] = deque()
        """Of the next orders, likewise."""
        self.orders: dict[str, Resting] = {}
        self.fills: list[VenueFill] = []
        self.positions: dict[str, Decimal] = {}
        self.balance = Decimal(1_000_000)
        self.listeners: list[asyncio.Queue[VenueEvent | None]] = []
        self.received: Counter[str] = Counter()
        """How often each client order id reached the venue with a submission."""
        self.storm_until = 0
        """Until then (ns) every request is turned away."""
        self.too_early = 0
        """Requests that came although the venue had said how long to stay away, or above its limit."""

    # --- The door ------------------------------------------------------------------------------------

    def storm(self, seconds: float) -> None:
        """Turn every request away for a while."""
        self.storm_until = self._clock() + int(seconds * 1e9)

    def admit(self, warned: bool) -> None:
        """Count a request. RateLimited above the limit, or in a storm; `warned`: the caller knows of it."""
        now = self._clock()
        if now < self.storm_until:
            self.too_early += warned
            raise RateLimited("429", (self.storm_until - now) / 1e9)
        recent = self._recent
        while recent and recent[0] <= now - 1_000_000_000:
            recent.popleft()
        if len(recent) >= self._limit_per_s:
            self.too_early += 1
            raise RateLimited("429", 0.0)
        recent.append(now)

    def next_misdeed(self) -> Misdeed | None:
        """What goes wrong with the submission or cancel that comes now."""
        return self.misdeeds.popleft() if self.misdeeds else self._manner.misdeed()

    def coin(self) -> bool:
        """A seeded coin."""
        return self._manner.rng.random() < 0.5

    # --- Orders --------------------------------------------------------------------------------------

    def place(self, order: NewOrder) -> VenueOrder:
        """Take an order. Refused for an id that was used before."""
        self.received[order.client_order_id] += 1
        if order.client_order_id in self.orders:
            raise Refused("duplicate client order id")
        fate = self.fates.popleft() if self.fates else self._manner.fate()
        resting = Resting(order, f"v-{len(self.orders) + 1}", ts=self._clock(), fate=fate)
        self.orders[order.client_order_id] = resting
        if fate.first_after_s == 0.0 and fate.parts:
            self._fill_part(resting, 0)
        self._tell(resting.seen())
        self.spawn(self._live(resting))
        return resting.seen()

    async def _live(self, resting: Resting) -> None:
        fate = resting.fate
        first = 1 if fate.first_after_s == 0.0 and fate.parts else 0
        if not first:
            await asyncio.sleep(fate.first_after_s)
        for number in range(first, len(fate.parts)):
            if number:
                await asyncio.sleep(fate.apart_s)
            self._fill_part(resting, number)
        if fate.expires_after_s is not None:
            await asyncio.sleep(fate.expires_after_s)
            self._end(resting, Standing.EXPIRED, "expired")

    def _fill_part(self, resting: Resting, number: int) -> None:
        parts = resting.fate.parts
        quantity = resting.order.quantity * Decimal(parts[number])
        if number == len(parts) - 1 and sum(parts) >= 1:
            quantity = resting.order.quantity - resting.filled
        self.fill(resting.order.client_order_id, quantity)

    def fill(self, client_order_id: str, quantity: Decimal | None = None) -> None:
        """Fill so much of a working order, or all that is left; nothing when it is over."""
        resting = self.orders[client_order_id]
        if resting.standing.over:
            return
        order = resting.order
        quantity = order.quantity - resting.filled if quantity is None else quantity
        price = order.limit_price or self._price_of(order.instrument)
        fill = VenueFill(
            trade_id=f"t-{len(self.fills) + 1}",
            client_order_id=client_order_id,
            venue_order_id=resting.venue_order_id,
            instrument=order.instrument,
            side=order.side,
            price=price,
            quantity=quantity,
            fee=price * quantity * FEE,
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            ts=self._clock(),
        )
        self.fills.append(fill)
        resting.filled += quantity
        self.positions[order.instrument] = (
            self.positions.get(order.instrument, ZERO) + order.side.sign * quantity
        )
        self.balance -= order.side.sign * price * quantity + fill.fee
        self._tell(fill)
        if resting.filled == order.quantity:
            self._end(resting, Standing.FILLED, "")

    def cancel(self, client_order_id: str) -> None:
        """End an order. Refused when it does not work (any more)."""
        resting = self.orders.get(client_order_id)
        if resting is None:
            raise Refused("unknown order")
        if resting.fate.wins_race:
            self.fill(client_order_id)
        if resting.standing.over:
            raise Refused(f"the order is {resting.standing}")
        self._end(resting, Standing.CANCELLED, "cancelled")

    def _end(self, resting: Resting, standing: Standing, reason: str) -> None:
        if resting.standing.over:
            return
        resting.standing, resting.reason, resting.ts = standing, reason, self._clock()
        self._tell(resting.seen())

    def external(self, instrument: str, side: Side, quantity: Decimal) -> str:
        """Somebody else places an order on the same account, by hand; returns the venue's id."""
        order = NewOrder(
            f"hand-{len(self.orders) + 1}", instrument, side, OrderType.LIMIT, quantity, Decimal(1)
        )
        self.fates.appendleft(Fate(parts=()))
        placed = self.place(order)
        return placed.venue_order_id

    # --- What it says --------------------------------------------------------------------------------

    def balances(self) -> list[VenueBalance]:
        """Cash only."""
        return [VenueBalance("USDT", self.balance, self.balance)]

    def open_orders(self) -> list[VenueOrder]:
        """Everything that works."""
        return [each.seen() for each in self.orders.values() if not each.standing.over]

    def disconnect(self) -> None:
        """Break every stream of events."""
        for listener in self.listeners:
            listener.put_nowait(None)
        self.listeners.clear()

    def _tell(self, event: VenueEvent) -> None:
        for listener in self.listeners:
            listener.put_nowait(event)

    # --- Tasks ---------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen at the venue by itself."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop everything that would still happen."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
