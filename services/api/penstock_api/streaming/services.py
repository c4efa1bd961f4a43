"""The services' reports as rows, with rates."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from penstock_runtime.board import Board

RATE_WINDOW_S = 4.0


@dataclass(slots=True)
class Services:
    """What the board knows of each service, and how many events a second it took lately."""

    board: Board
    _seen: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def follow(self) -> None:
        """Take a reading of every service's count of events."""
        now = self.board.clock()
        for name, report in self.board.reports.items():
            seen = self._seen.setdefault(name, deque())
            if seen and report.events < seen[-1][1]:
                seen.clear()  # started again
            seen.append((now, report.events))
            while len(seen) > 2 and now - seen[0][0] > RATE_WINDOW_S:
                seen.popleft()

    def rate(self, name: str) -> float | None:
        """Events per second of a service; None until there are two readings."""
        seen = self._seen.get(name)
        if not seen or seen[-1][0] <= seen[0][0]:
            return None
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])

    def mark(self, stage: str) -> int:
        """Event time up to which a stage has worked, ns; 0 until it was heard."""
        names = (stage, f"{stage}-standby", "fused")
        return max((self.board.reports[name].mark for name in names if name in self.board.reports), default=0)

    def listing(self) -> list[dict[str, Any]]:
        """Each service as a row: its report without its view, its rate, and for how long it was silent."""
        rows = []
        for name, report in sorted(self.board.reports.items()):
            row = report.model_dump(exclude={"view"})
            silent_s = self.board.silent_s(name) or 0.0
            rows.append({**row, "silent_s": round(silent_s, 1), "events_per_s": self.rate(name)})
        return rows


def amount(value: Any) -> Decimal | None:
    """A decimal that a report carries as text; None where it carries none."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
