"""Samples to a collector by OTLP, in a thread of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from penstock_runtime.metrics.names import METRICS, SECONDS_BOUNDS
from penstock_runtime.metrics.samples import Distribution, Sample
from penstock_runtime.otel import Otel, hush, resource_of

_log = structlog.get_logger(__name__)

CLOSE_S = 2.0
"""How long the end of a process waits for a collector."""
_SCOPE = InstrumentationScope("penstock")
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricExport:
    """Sends what `collect` gives, each interval, until closed."""

    def __init__(
        self, collect: Callable[[], list[Sample]], settings: Otel, exporter: MetricExporter | None = None
    ) -> None:
        hush()
        self._collect = collect
        self._exporter = exporter if exporter is not None else _exporter(settings)
        self._interval_s = settings.metric_export_interval / 1000
        self._named = settings.service_name
        self._resources: dict[str, Resource] = {}
        self._began_ns = time.time_ns()
        self._closing = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="metric export", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send once more and stop, within `CLOSE_S`."""
        self._closing.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            self._send()
        self._send()
        self._exporter.shutdown()

    def _send(self) -> None:
        found = self._collect()
        if not found:
            return
        delivered = self._exporter.export(self._data(found)) is MetricExportResult.SUCCESS
        if delivered is self._failing:
            self._failing = not delivered
            _log.warning("metrics_not_delivered" if self._failing else "metrics_delivered_again")

    def _data(self, found: Sequence[Sample]) -> MetricsData:
        services: dict[str, dict[str, list[Sample]]] = {}
        for sample in found:
            services.setdefault(dict(sample.labels)["service"], {}).setdefault(sample.name, []).append(sample)
        now = time.time_ns()
        whole = []
        for service, named in services.items():
            resource = self._resources.get(service)
            if resource is None:
                resource = self._resources[service] = resource_of(service, self._named)
            metrics = [_metric(name, each, self._began_ns, now) for name, each in named.items()]
            whole.append(ResourceMetrics(resource, [ScopeMetrics(_SCOPE, metrics, "")], ""))
        return MetricsData(whole)


def _metric(name: str, found: Sequence[Sample], began_ns: int, now_ns: int) -> Metric:
    known = METRICS[name]
    numbers: list[NumberDataPoint] = []
    histograms: list[HistogramDataPoint] = []
    for sample in found:
        labels: dict[str, Any] = dict(sample.labels)
        if isinstance(sample.value, Distribution):
            counts, sum_s = sample.value
            histograms.append(
                HistogramDataPoint(
                    labels,
                    began_ns,
                    now_ns,
                    sum(counts),
                    sum_s,
                    counts,
                    SECONDS_BOUNDS,
                    min=float("inf"),
                    max=float("-inf"),
                )
            )
        else:
            numbers.append(NumberDataPoint(labels, began_ns, now_ns, sample.value))
    data: Gauge | Sum | Histogram
    if known.kind == "histogram":
        data = Histogram(histograms, _CUMULATIVE)
    elif known.kind == "counter":
        data = Sum(numbers, _CUMULATIVE, is_monotonic=True)
    else:
        data = Gauge(numbers)
    return Metric(known.otlp_name, known.text, known.unit, data)


def _exporter(settings: Otel) -> MetricExporter:
    exporter: Any
    if settings.protocol("metrics") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (  # noqa: PLC0415
            OTLPMetricExporter as GrpcExporter,
        )

        exporter = GrpcExporter()
    else:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
            OTLPMetricExporter as HttpExporter,
        )

        exporter = HttpExporter()
    assert isinstance(exporter, MetricExporter)
    return exporter
