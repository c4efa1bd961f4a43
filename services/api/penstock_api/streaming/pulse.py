"""Wakes all clients together: what happens within a moment goes out in one go, and is made once for all."""

import asyncio
import contextlib

LEAST_S, MOST_S = 0.05, 0.2
"""Least distance of two beats: with few clients, and with many."""
PER_CLIENT_S = 0.005
"""What each client adds to it: the more there are to tell, the rarer they are told."""


class Pulse:
    """Beats soon after news, never more often than the distance allows."""

    def __init__(self) -> None:
        self.count = 0
        """Beats so far."""
        self.distance_s = LEAST_S
        self._beaten_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._bell: asyncio.Future[None] | None = None

    def for_clients(self, clients: int) -> None:
        """Set the distance for so many clients."""
        self.distance_s = min(MOST_S, max(LEAST_S, clients * PER_CLIENT_S))

    def news(self) -> None:
        """Have it beat: in the loop's next turn, or as soon as the distance allows."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), self._beaten_at + self.distance_s)
            self._timer = loop.call_at(due, self.beat)

    def beat(self) -> None:
        """Wake everybody now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._beaten_at = asyncio.get_running_loop().time()
        self.count += 1
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)
        self._bell = None

    async def wait(self, heard: int, timeout_s: float) -> None:
        """Wait for a beat after the one that was heard last, or for the timeout."""
        if self.count != heard or timeout_s <= 0:
            return
        if self._bell is None:
            self._bell = asyncio.get_running_loop().create_future()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._bell)
