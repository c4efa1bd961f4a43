"""A question that many ask at once is asked for all of them together, and not again within a second."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")

FRESH_S = 1.0


class Shared(Generic[T]):
    """The answer to a question: who asks while it is being asked, or soon after, gets the same one.

    What the question raises is an answer too.
    """

    def __init__(
        self, ask: Callable[[], Coroutine[Any, Any, T]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._asking: asyncio.Task[T] | None = None
        self._asked_at = 0.0

    async def get(self) -> T:
        """The answer of the last second, or a new one."""
        now = self._clock()
        if self._asking is None or (self._asking.done() and now - self._asked_at >= FRESH_S):
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask(), name="shared question")
        return await asyncio.shield(self._asking)
