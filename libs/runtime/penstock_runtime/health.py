"""What a service says of itself each second, over core NATS."""

import asyncio
import json
import os
import resource
import time
from typing import TYPE_CHECKING, Any

import psutil

from penstock_runtime.latency import LatencyHistogram

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log


def health_subject(partition: int, service: str) -> str:
    """Where a service's reports go."""
    return f"penstock.p{partition}.health.{service}"


def progress_subject(partition: int) -> str:
    """Where the recorder says up to which mark it has committed."""
    return f"penstock.p{partition}.progress.recorder"


class Health:
    """Counters of one service, and the reports made of them."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.state = "starting"
        self.mark = 0
        self.events = 0
        self.outputs = 0
        self.lag = 0
        self.errors = 0
        self.error = ""
        self.latency = LatencyHistogram()
        self.view: dict[str, Any] = {}
        self._process = psutil.Process()

    def report(self) -> dict[str, Any]:
        """The report as JSON values; durations in microseconds."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "service": self.service,
            "pid": os.getpid(),
            "ts": time.time_ns(),
            "state": self.state,
            "mark": self.mark,
            "events": self.events,
            "outputs": self.outputs,
            "lag": self.lag,
            "rss_bytes": self._process.memory_info().rss,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "errors": self.errors,
            "error": self.error,
            "latency_us": {
                "p50": self.latency.percentile(0.5),
                "p99": self.latency.percentile(0.99),
                "count": self.latency.count,
            },
            "view": self.view,
        }

    async def send(self, log: "Log") -> None:
        """Send one report."""
        data = json.dumps(self.report(), default=str).encode()
        await log.publish_core(health_subject(log.partition, self.service), data)


async def report_for_ever(health: Health, log: "Log", refresh: Any, interval_s: float = 1.0) -> None:
    """Send a report each interval; `refresh` brings the counters up to date before."""
    while True:
        refresh()
        await health.send(log)
        await asyncio.sleep(interval_s)
