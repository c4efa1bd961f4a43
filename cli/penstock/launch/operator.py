"""What the operator wants of a running session, as signals say it."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum


class Wish(Enum):
    """What is to become of the session; the value is said to the operator."""

    FLATTEN = "stopping: cancelling orders, closing positions; Ctrl-C again stops at once"
    DRAIN = "draining: positions stay; `penstock up` or `paper --resume` goes on"
    NOW = "stopping at once"


@dataclass(slots=True)
class Operator:
    """Turns Ctrl-C into `FLATTEN`, a second one into `NOW`, SIGTERM into `DRAIN`.

    Outside of the trading itself (servers coming up, the report being written) a second Ctrl-C cancels the
    task that runs the session.
    """

    wishes: asyncio.Queue[Wish] = field(default_factory=asyncio.Queue)
    listening: bool = False
    """Whether somebody takes the wishes."""
    _interrupts: int = 0
    _task: asyncio.Task[object] | None = None

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Take the process's signals."""
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        loop.add_signal_handler(signal.SIGTERM, self._wish, Wish.DRAIN)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _interrupt(self) -> None:
        self._interrupts += 1
        self._wish(Wish.FLATTEN if self._interrupts == 1 else Wish.NOW)

    def _wish(self, wish: Wish) -> None:
        self.wishes.put_nowait(wish)
        if wish is Wish.NOW and not self.listening and self._task is not None:
            self._task.cancel()
