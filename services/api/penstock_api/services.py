"""What the services say of themselves, once a second, over core NATS: measurements, not facts."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from penstock_runtime.health import health_subject
from penstock_runtime.log import Log
from pydantic import BaseModel, ConfigDict, Field, ValidationError

_log = structlog.get_logger(__name__)

SERVICES_MAX = 100
STALE_S = 5.0
"""A service that was silent for longer is shown as such."""


class Latency(BaseModel):
    """Wall time from ingest's publication of a datum to the service's handling of what came of it, µs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    p50: float | None = None
    p99: float | None = None
    count: int = 0


class Report(BaseModel):
    """One report of one service."""

    model_config = ConfigDict(frozen=True, extra="allow")

    service: str = Field(max_length=100)
    pid: int = 0
    ts: int = 0
    state: str = ""
    mark: int = 0
    events: int = 0
    outputs: int = 0
    lag: int = 0
    rss_bytes: int = 0
    cpu_s: float = 0.0
    errors: int = 0
    error: str = ""
    latency_us: Latency = Latency()
    view: dict[str, Any] = Field(default_factory=dict)


@dataclass(slots=True)
class Board:
    """The last report of each service, and when it was heard."""

    clock: Callable[[], float] = time.monotonic
    reports: dict[str, Report] = field(default_factory=dict)
    heard_at: dict[str, float] = field(default_factory=dict)

    def take(self, report: Report) -> None:
        """Take a report. There are never more services than a session has."""
        if report.service in self.reports or len(self.reports) < SERVICES_MAX:
            self.reports[report.service] = report
            self.heard_at[report.service] = self.clock()

    def silent_s(self, service: str) -> float | None:
        """For how long a service was silent; None if it was never heard."""
        heard = self.heard_at.get(service)
        return None if heard is None else self.clock() - heard

    def view(self, stage: str) -> dict[str, Any]:
        """What a stage describes, by itself or fused with others; empty until it was heard."""
        for name in (stage, f"{stage}-standby"):
            if name in self.reports:
                return self.reports[name].view
        fused = self.reports.get("fused")
        view = fused.view.get(stage) if fused is not None else None
        return view if isinstance(view, dict) else {}


async def listen(log: Log, board: Board) -> None:
    """Have the board take every report of the partition's services."""

    async def receive(subject: str, data: bytes) -> None:
        try:
            board.take(Report.model_validate_json(data))
        except ValidationError as error:
            _log.warning("unreadable_health", subject=subject, error=str(error).splitlines()[0])

    await log.subscribe_core(health_subject(log.partition, "*"), receive)
