"""What the services say of themselves, once a second, over core NATS: measurements, not facts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from penstock_runtime.health import health_subject
from penstock_runtime.log import Log
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.launch.plan import PROJECTIONS, STANDBY

_log = structlog.get_logger(__name__)

LAUNCHER = "launcher"
"""The launcher reports like a service: what is wrong now, and how often something was started again."""
STALE_S = 5.0
"""A service that was silent for longer is shown as such."""


class Latency(BaseModel):
    """Wall time from ingest's publication of a datum to this service's handling of what came of it, µs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    p50: float | None = None
    p99: float | None = None
    count: int = 0


class Health(BaseModel):
    """One report of one service."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: str
    pid: int
    ts: int
    """Wall time, ns."""
    state: str
    mark: int = 0
    """Event time up to which it has worked, ns."""
    events: int = 0
    outputs: int = 0
    lag: int = 0
    """Messages that wait for it."""
    rss_bytes: int = 0
    cpu_s: float = 0.0
    cpu_share: float | None = None
    """Of one core, since the report before."""
    errors: int = 0
    error: str = ""
    """The last one."""
    latency_us: Latency = Latency()
    view: dict[str, Any] = Field(default_factory=dict)
    """What its stage describes."""


@dataclass(slots=True)
class Board:
    """The last report of each service, and sums that outlive a service's restarts."""

    clock: Callable[[], float] = time.monotonic
    reports: dict[str, Health] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)
    _errors_before: dict[str, int] = field(default_factory=dict)

    def take(self, report: Health) -> None:
        """Take a report; counts of a process that was replaced are kept."""
        before = self.reports.get(report.service)
        if before is not None and before.pid != report.pid:
            self._errors_before[report.service] = self._errors_before.get(report.service, 0) + before.errors
        self.reports[report.service] = report
        self.heard_at[report.service] = self.clock()

    def view(self, service: str) -> dict[str, Any]:
        """What a stage describes, by itself or fused with others; empty until it was heard."""
        copies = [self.reports[each] for each in (service, service + STANDBY) if each in self.reports]
        if copies:
            return max(copies, key=lambda report: report.mark).view
        fused = self.reports.get("fused")
        view = fused.view.get(service) if fused is not None else None
        return view if isinstance(view, dict) else {}

    def silent_s(self, service: str) -> float | None:
        """For how long a service was silent; None if it was never heard."""
        heard = self.heard_at.get(service)
        return None if heard is None else self.clock() - heard

    @property
    def errors(self) -> int:
        """Errors that all services counted since the launcher listens."""
        return sum(self._errors_before.values()) + sum(each.errors for each in self.reports.values())

    @property
    def mark(self) -> int:
        """Event time that the slowest stage has reached, ns; 0 while one was not heard."""
        others = {*PROJECTIONS, LAUNCHER}
        marks = [report.mark for report in self.reports.values() if report.service not in others]
        return min(marks, default=0)


async def listen(log: Log, board: Board) -> None:
    """Have the board take every report of the partition's services."""

    async def receive(subject: str, data: bytes) -> None:
        try:
            board.take(Health.model_validate_json(data))
        except ValidationError as error:
            _log.warning("unreadable_health", subject=subject, error=str(error).splitlines()[0])

    await log.subscribe_core(health_subject(log.partition, "*"), receive)
