"""What is heard of the services, once a second, over core NATS: measurements, not facts.

They are made in `penstock_runtime.health`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock_runtime.health import health_subject

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log

_log = structlog.get_logger(__name__)

LAUNCHER = "launcher"
"""The launcher reports like a service: what is wrong now, and how often something was started again."""
SERVICES_MAX = 100
STALE_S = 5.0
"""A service that was silent for longer is shown as such."""
STOPPED = "stopped"
"""State of a service that ended as it was asked to."""
_COPIES = ("", "-standby")
_BESIDE_TRADING = frozenset({"recorder", "api", LAUNCHER})


class Latency(BaseModel):
    """Wall time from ingest's publication of a datum to the service's handling of what came of it, µs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    p50: float | None = None
    p99: float | None = None
    count: int = 0


class Report(BaseModel):
    """One report of one service, with whatever else it says of itself."""

    model_config = ConfigDict(frozen=True, extra="allow")

    service: str = Field(max_length=100)
    pid: int = 0
    ts: int = 0
    """Wall time, ns."""
    state: str = ""
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
    reports: dict[str, Report] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)
    _errors_before: dict[str, int] = field(default_factory=dict)

    def take(self, report: Report) -> None:
        """Take a report; counts of a process that was replaced are kept. There are never more services than
        a session has.
        """
        before = self.reports.get(report.service)
        if before is None and len(self.reports) >= SERVICES_MAX:
            return
        if before is not None and before.pid != report.pid:
            self._errors_before[report.service] = self._errors_before.get(report.service, 0) + before.errors
        self.reports[report.service] = report
        self.heard_at[report.service] = self.clock()

    def view(self, service: str) -> dict[str, Any]:
        """What a stage describes, by itself or fused with others; empty until it was heard."""
        copies = [self.reports[each] for copy in _COPIES if (each := service + copy) in self.reports]
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
        """Errors that all services counted since somebody listens."""
        return sum(self._errors_before.values()) + sum(each.errors for each in self.reports.values())

    @property
    def mark(self) -> int:
        """Event time that the slowest stage has reached, ns; 0 while one was not heard."""
        marks = [each.mark for each in self.reports.values() if each.service not in _BESIDE_TRADING]
        return min(marks, default=0)


async def listen(log: "Log", board: Board) -> None:
    """Have the board take every report of the partition's services."""

    async def receive(subject: str, data: bytes) -> None:
        try:
            board.take(Report.model_validate_json(data))
        except ValidationError as error:
            _log.warning("unreadable_health", subject=subject, error=str(error).splitlines()[0])

    await log.subscribe_core(health_subject(log.partition, "*"), receive)
