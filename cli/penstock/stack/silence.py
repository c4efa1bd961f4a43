"""What the warden makes of the services' reports: who is silent, whose clock is off."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from penstock_runtime.board import LAUNCHER, STALE_S, Board

from penstock.launch.notes import Notes

DOWN_S = 30.0
"""Silent for so long a service stays down: its container was started again several times, or is given up."""
SKEW_S = 2.0
"""Clocks of one stack may differ by so much. A command expires by the clock of ingest."""
HALTING = ("risk", "execution")
"""When one of these stays down at 1x, trading is halted."""


@dataclass(slots=True)
class Silence:
    """Follows the reports of the services that should run."""

    board: Board
    services: tuple[str, ...]
    notes: Notes
    wall: Callable[[], float] = time.time
    """This machine's clock, s."""
    _since: dict[str, float] = field(default_factory=dict)
    """When a service that was never heard was first expected."""
    _down: set[str] = field(default_factory=set)

    def look(self) -> Iterator[str]:
        """Tell the operator who is silent; yields each that stays down and whose absence halts, once."""
        now = self.board.clock()
        for service in self.services:
            heard = self.board.heard_at.get(service)
            silent_s = now - (self._since.setdefault(service, now) if heard is None else heard)
            if silent_s < STALE_S:
                self._down.discard(service)
                self.notes.end(service, f"{service} is heard again")
                continue
            self.notes.begin(
                service, f"{service} is silent: `docker compose ps` and `logs {service}` say why"
            )
            if silent_s > DOWN_S and service in HALTING and service not in self._down:
                self._down.add(service)
                yield service

    def clocks(self) -> None:
        """Tell the operator whose clock is not the same as this one's."""
        now, wall = self.board.clock(), self.wall()
        for service, report in self.board.reports.items():
            ahead_s = report.ts / 1e9 - (wall - (now - self.board.heard_at[service]))
            cause = f"clock of {service}"
            if service != LAUNCHER and abs(ahead_s) > SKEW_S:
                where = "ahead of" if ahead_s > 0 else "behind"
                self.notes.begin(
                    cause,
                    f"the clock of {service} is {abs(ahead_s):.0f} s {where} this one: commands may count as "
                    "expired; set both machines' clocks by one time server",
                )
            else:
                self.notes.end(cause, f"the clock of {service} is right again")
