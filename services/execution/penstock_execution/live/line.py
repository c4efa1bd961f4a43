"""The line to a live venue: every request waits for its turn, and its outcome paces the next."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from penstock_venues.errors import RateLimited, Refused, Unclear
from penstock_venues.gateway import OrderGateway

from penstock_execution.config import LiveConfig
from penstock_execution.live.pacing import Pacer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks of the edge, injected."""

    wall_ns: Callable[[], int] = time.time_ns
    monotonic_s: Callable[[], float] = time.monotonic


class Line:
    """Asks within the venue's limits, and gives up after a time."""

    def __init__(self, gateway: OrderGateway, config: LiveConfig, clocks: Clocks) -> None:
        self.gateway = gateway
        self.clocks = clocks
        self._timeout_s = config.request_timeout_s
        self._pacer = Pacer(config.requests_per_second_max, config.backoff_s_max)

    @property
    def backing_off(self) -> bool:
        """Whether the venue is being left alone."""
        return self._pacer.backing_off(self.clocks.monotonic_s())

    async def turn(self) -> None:
        """Wait until a request may go, and count it."""
        pacer, now = self._pacer, self.clocks.monotonic_s
        while (wait_s := pacer.wait_s(now())) > 0:  # noqa: ASYNC110  (another may have gone first)
            await asyncio.sleep(wait_s)
        pacer.sent(now())

    async def ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """Wait for the turn, and ask. Raises what the gateway does; Unclear without an answer in time."""
        await self.turn()
        return await self.answer(request)

    async def answer(self, request: Callable[[], Awaitable[T]]) -> T:
        """Ask at once, the turn having come."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await request()
        except RateLimited as error:
            self._pacer.turned_away(self.clocks.monotonic_s(), error.retry_after_s)
            raise
        except Refused:
            self._pacer.answered()
            raise
        except (Unclear, TimeoutError) as error:
            self._pacer.failed(self.clocks.monotonic_s())
            raise Unclear(str(error) or "no answer in time") from error
        self._pacer.answered()
        return answer
