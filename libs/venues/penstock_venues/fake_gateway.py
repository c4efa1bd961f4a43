"""One connection to a fake venue."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from penstock_venues.errors import Disconnected, RateLimited, Refused, Unclear
from penstock_venues.fake import FakeVenue
from penstock_venues.faults import Misdeed
from penstock_venues.gateway import NewOrder, StreamOpened, VenueBalance, VenueEvent, VenueFill, VenueOrder


class FakeGateway:
    """See `penstock_venues.gateway.OrderGateway`."""

    def __init__(self, venue: FakeVenue) -> None:
        self._at = venue
        self.venue = venue.name
        self._warned_until = 0.0
        self.unreachable = False
        """Neither request nor stream gets through."""
        self.deaf = False
        """Events are lost on the way, and nobody notices."""
        self.drop_fills = False
        """Fills are, and changes of orders are not."""

    async def submit(self, order: NewOrder) -> VenueOrder:
        """See the port."""
        misdeed = await self._send(self._at.every_submission or self._at.next_misdeed())
        if misdeed is Misdeed.REFUSED:
            raise Refused("insufficient balance")
        if misdeed is Misdeed.ARRIVES_LATE:
            self._at.spawn(self._late(order))
        if misdeed in _NEVER_ARRIVES or (misdeed is Misdeed.SERVER_ERROR and self._at.coin()):
            await self._no_answer(misdeed)
        placed = self._at.place(order)
        await self._answer(misdeed)
        return placed

    async def cancel(self, client_order_id: str, instrument: str) -> None:
        """See the port."""
        misdeed = await self._send(self._at.next_misdeed())
        if misdeed in _NEVER_ARRIVES or (misdeed is Misdeed.SERVER_ERROR and self._at.coin()):
            await self._no_answer(misdeed)
        self._at.cancel(client_order_id)
        await self._answer(misdeed)

    async def order(self, client_order_id: str, instrument: str) -> VenueOrder | None:
        """See the port."""
        await self._send(None)
        resting = self._at.orders.get(client_order_id)
        await self._answer(None)
        return resting.seen() if resting is not None else None

    async def open_orders(self) -> Sequence[VenueOrder]:
        """See the port."""
        await self._send(None)
        found = self._at.open_orders()
        await self._answer(None)
        return found

    async def fills(self, since: int) -> Sequence[VenueFill]:
        """See the port."""
        await self._send(None)
        found = [each for each in self._at.fills if each.ts >= since]
        await self._answer(None)
        return found

    async def balances(self) -> Sequence[VenueBalance]:
        """See the port."""
        await self._send(None)
        return self._at.balances()

    async def events(self) -> AsyncIterator[VenueEvent]:
        """See the port."""
        if self.unreachable:
            raise Disconnected("no connection")
        queue: asyncio.Queue[VenueEvent | None] = asyncio.Queue()
        self._at.listeners.append(queue)
        try:
            yield StreamOpened()
            while (event := await queue.get()) is not None:
                await asyncio.sleep(0)
                if not (self.deaf or (self.drop_fills and isinstance(event, VenueFill))):
                    yield event
        finally:
            if queue in self._at.listeners:
                self._at.listeners.remove(queue)
        raise Disconnected("the venue closed the stream")

    async def close(self) -> None:
        """See the port."""

    async def _send(self, misdeed: Misdeed | None) -> Misdeed | None:
        await asyncio.sleep(self._at.latency_s)
        if self.unreachable:
            await asyncio.sleep(self._at.timeout_s)
            raise Unclear("timeout")
        now = asyncio.get_running_loop().time()
        try:
            self._at.admit(warned=now < self._warned_until)
        except RateLimited as error:
            self._warned_until = now + error.retry_after_s
            raise
        if misdeed is Misdeed.RATE_LIMITED:
            raise RateLimited("429", 0.01)
        return misdeed

    async def _answer(self, misdeed: Misdeed | None) -> None:
        if misdeed in (Misdeed.ANSWER_LOST, Misdeed.SERVER_ERROR):
            await self._no_answer(misdeed)
        await asyncio.sleep(self._at.latency_s)

    async def _no_answer(self, misdeed: Misdeed | None) -> None:
        if misdeed is Misdeed.SERVER_ERROR:
            raise Unclear("503")
        await asyncio.sleep(self._at.timeout_s)
        raise Unclear("timeout")

    async def _late(self, order: NewOrder) -> None:
        await asyncio.sleep(self._at.late_s)
        self._at.place(order)


_NEVER_ARRIVES = (Misdeed.REQUEST_LOST, Misdeed.ARRIVES_LATE)
