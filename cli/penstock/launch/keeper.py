"""Keeps one server running: starts it again when it died, and knows when that has no use.

Services and launcher reconnect by themselves, to the same port. What was not confirmed is sent again, so
nothing is lost by the death of a server whose files survive it.
"""

import asyncio
import os
import time
from dataclasses import dataclass, field

from penstock_runtime.embedded import EmbeddedServerError
from penstock_runtime.embedded.server import EmbeddedServer

from penstock.errors import CannotRun
from penstock.launch.notes import Notes

QUICK_S = 10.0
"""A server that lived shorter than this died soon."""
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 10.0


@dataclass(slots=True)
class Keeper:
    """One server that is to run as long as the session."""

    server: EmbeddedServer
    notes: Notes
    meaning: str
    """What it means that the server is away."""
    failures_max: int | None
    """Deaths and failed starts in a row after which it gives up. None: never, trading goes on without it."""
    restarts: int = 0
    _renewing: bool = field(default=False)

    async def run(self) -> None:
        """Keep it running until cancelled. CannotRun when it died too often."""
        name, failures = self.server.NAME, 0
        while True:
            started = time.monotonic()
            await self.server.wait()
            renewing, self._renewing = self._renewing, False
            if not renewing:
                failures = failures + 1 if time.monotonic() - started < QUICK_S else 1
                self._check(failures, "it died")
                self._note(f"{name} died and is started again")
            failures = await self._start(failures)
            self.restarts += 1
            self.notes.end(name, f"{name} runs again")

    def renew(self) -> None:
        """Have it end in good order and start again."""
        self._renewing = True
        os.kill(self.server.pid, self.server.STOP_SIGNAL)

    async def _start(self, failures: int) -> int:
        """Start it until it runs; returns how often it has failed in a row."""
        name = self.server.NAME
        while True:
            await asyncio.sleep(min(BACKOFF_FIRST_S * 2 ** max(failures - 1, 0), BACKOFF_MAX_S))
            try:
                await self.server.restart()
            except (EmbeddedServerError, OSError) as error:
                failures += 1
                self._check(failures, str(error))
                self._note(f"{name} cannot be started: {error}")
            else:
                return failures

    def _note(self, text: str) -> None:
        self.notes.begin(self.server.NAME, f"{text}; {self.meaning}", stops=self.failures_max is not None)

    def _check(self, failures: int, why: str) -> None:
        if self.failures_max is not None and failures >= self.failures_max:
            raise CannotRun(
                f"{self.server.NAME} failed {failures} times in a row: {why}",
                hint=f"see {self.server.log_path}; `penstock up` goes on with the session once it can run",
            )
