"""What a service says of itself each second, over core NATS."""

import asyncio
import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from penstock_runtime.latency import LatencyHistogram
from penstock_runtime.metrics.names import SECONDS_BOUNDS
from penstock_runtime.metrics.outlets import OUTLETS
from penstock_runtime.metrics.tally import Entry, Tally

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log


def health_subject(partition: int, service: str) -> str:
    """Where a service's reports go."""
    return f"penstock.p{partition}.health.{service}"


def progress_subject(partition: int) -> str:
    """Where the recorder says up to which mark it has committed."""
    return f"penstock.p{partition}.progress.recorder"


CPU_SPAN_S = 0.5
"""A shorter time says nothing of a process's use of the processor."""
_file: Path | None = None


def write_to(file: Path | None) -> None:
    """Have this process write its reports to a file as well: its age tells a container's health check that
    the service's loop turns and that its log is connected.
    """
    global _file  # noqa: PLW0603  (of the process, like its log file)
    _file = file


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
        self.unconfirmed = 0
        self.went_back = 0
        self.latency = LatencyHistogram()
        """From a tick to the order that it led to."""
        self.turns = LatencyHistogram()
        self.intervals: dict[str, LatencyHistogram] = {}
        """From ingest's mark to the end of the interval, by stage."""
        self.tally = Tally()
        self.view: dict[str, Any] = {}
        self._process = psutil.Process()
        self._cpu_at = (time.monotonic(), self.cpu_s())
        self._cpu_share: float | None = None

    def report(self) -> dict[str, Any]:
        """The report as JSON values; durations in microseconds."""
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
            "cpu_s": self.cpu_s(),
            "cpu_share": self._share(),
            "errors": self.errors,
            "error": self.error,
            "latency_us": {
                "p50": self.latency.percentile(0.5),
                "p99": self.latency.percentile(0.99),
                "count": self.latency.count,
            },
            "view": self.view,
            "metrics": list(self._metrics()),
        }

    @staticmethod
    def cpu_s() -> float:
        """Processor time that this process has taken, s."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def _share(self) -> float | None:
        """Processor time per time since a report before: 1 is a whole core. None in the first second."""
        (before_at, before), now = self._cpu_at, time.monotonic()
        if now - before_at >= CPU_SPAN_S:
            taken = self.cpu_s()
            self._cpu_share = (taken - before) / (now - before_at)
            self._cpu_at = (now, taken)
        return self._cpu_share

    def _metrics(self) -> Iterator[Entry]:
        yield "penstock_unconfirmed_messages", {}, self.unconfirmed
        yield "penstock_resends_total", {}, self.went_back
        if self.turns.count:
            yield "penstock_stage_turn_seconds", {}, self.turns.distribution(SECONDS_BOUNDS)
        if self.latency.count:
            yield "penstock_order_latency_seconds", {}, self.latency.distribution(SECONDS_BOUNDS)
        for stage, histogram in self.intervals.items():
            distribution = histogram.distribution(SECONDS_BOUNDS)
            yield "penstock_interval_latency_seconds", {"stage": stage}, distribution
        yield from self.tally.entries()

    async def send(self, log: "Log") -> None:
        """Send one report."""
        report = self.report()
        OUTLETS.give(report)
        data = json.dumps(report, default=str).encode()
        await log.publish_core(health_subject(log.partition, self.service), data)
        if _file is not None and log.client.is_connected:
            _file.write_bytes(data)


async def report_for_ever(health: Health, log: "Log", refresh: Any, interval_s: float = 1.0) -> None:
    """Send a report each interval; `refresh` brings the counters up to date before."""
    while True:
        refresh()
        await health.send(log)
        await asyncio.sleep(interval_s)
