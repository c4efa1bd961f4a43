"""Spans to a collector: a bounded queue, a thread of its own, what is lost counted and told once."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

from penstock_runtime.otel import Otel, hush, resource_of
from penstock_runtime.tracing.spans import Span

_log = structlog.get_logger(__name__)

CLOSE_S = 2.0
"""How long the end of a process waits for a collector."""
_SCOPE = InstrumentationScope("penstock")
_KINDS = {
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
}


class Exporting(Protocol):
    """Where spans go."""

    @property
    def emitted(self) -> int:
        """Spans handed over."""
        ...

    @property
    def dropped(self) -> int:
        """Spans that were lost."""
        ...

    def emit(self, spans: Iterable[Span]) -> None:
        """Take spans; never waits."""
        ...

    def close(self) -> None:
        """Deliver what waits, if that is soon done."""
        ...


def exporting(settings: Otel) -> Exporting:
    """The export that the environment describes."""
    hush()
    return SpanExport(exporter_of(settings), settings)


class Bounded(SpanProcessor):
    """Hands spans that have ended to the SDK's batch processor, never more than its queue holds."""

    def __init__(self, exporter: SpanExporter, settings: Otel) -> None:
        self._counting = _Counting(exporter)
        self._most = settings.bsp_max_queue_size
        self._processor = BatchSpanProcessor(self._counting)
        self._overflown = 0
        self.emitted = 0
        """Spans handed over."""

    @property
    def dropped(self) -> int:
        """Spans that found no room, or that the collector did not take."""
        return self._overflown + self._counting.failed

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span; one that finds no room is dropped and counted."""
        if self.emitted - self._counting.finished >= self._most:
            if not self._overflown:
                _log.warning("spans_dropped", queue=self._most)
            self._overflown += 1
            return
        self.emitted += 1
        self._processor.on_end(span)

    def close(self) -> None:
        """Deliver what waits, within `CLOSE_S`."""
        closing = threading.Thread(target=self._processor.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_S)


class SpanExport:
    """Samples spans that were made from the log, and hands them on."""

    def __init__(self, exporter: SpanExporter, settings: Otel) -> None:
        self._bounded = Bounded(exporter, settings)
        self._sampler = sampler_of(settings)
        self._named = settings.service_name
        self._resources: dict[str, Resource] = {}

    @property
    def emitted(self) -> int:
        """Spans handed over."""
        return self._bounded.emitted

    @property
    def dropped(self) -> int:
        """Spans that found no room, or that the collector did not take."""
        return self._bounded.dropped

    def emit(self, spans: Iterable[Span]) -> None:
        """Take spans; what finds no room is dropped and counted."""
        for span in spans:
            trace_id = int(span.trace_id, 16)
            decision = self._sampler.should_sample(None, trace_id, span.name).decision
            if decision is Decision.RECORD_AND_SAMPLE:
                self._bounded.on_end(self._readable(span))

    def close(self) -> None:
        """Deliver what waits, within `CLOSE_S`."""
        self._bounded.close()

    def _readable(self, span: Span) -> ReadableSpan:
        parent = _context(span.trace_id, span.parent_id) if span.parent_id else None
        resource = self._resources.get(span.service)
        if resource is None:
            resource = self._resources[span.service] = resource_of(span.service, self._named)
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=parent,
            resource=resource,
            attributes={**span.attributes, "penstock.service": span.service},
            links=[Link(_context(*link)) for link in span.links],
            kind=_KINDS[span.kind],
            start_time=span.start_ns,
            end_time=max(span.end_ns, span.start_ns),
            instrumentation_scope=_SCOPE,
        )


class _Counting(SpanExporter):
    """Counts what the collector took and what it did not; tells of each change once."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._failing = False
        self.finished = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, in the processor's thread."""
        result = self._inner.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        if failing:
            self.failed += len(spans)
        if failing is not self._failing:
            self._failing = failing
            if failing:
                _log.warning("spans_not_delivered", spans=len(spans))
            else:
                _log.info("spans_delivered_again", lost=self.failed)
        self.finished += len(spans)
        return result

    def shutdown(self) -> None:
        """End."""
        self._inner.shutdown()


def sampler_of(settings: Otel) -> Sampler:
    """The sampler that is asked for. Trace ids are functions of the log: a share is always the same one."""
    name = settings.traces_sampler.strip().lower()
    try:
        ratio = float(settings.traces_sampler_arg or 1.0)
        shared: Sampler = TraceIdRatioBased(ratio)
    except ValueError:
        _log.warning("sampler_argument_unusable", argument=settings.traces_sampler_arg, used=1.0)
        shared = ALWAYS_ON
    samplers: dict[str, Sampler] = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": shared,
        "parentbased_always_on": ParentBased(ALWAYS_ON),
        "parentbased_always_off": ParentBased(ALWAYS_OFF),
        "parentbased_traceidratio": ParentBased(shared),
    }
    if name not in samplers:
        _log.warning("sampler_unknown", sampler=name, used="parentbased_always_on")
    return samplers.get(name, samplers["parentbased_always_on"])


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def exporter_of(settings: Otel) -> SpanExporter:
    """The exporter to the collector that the environment names."""
    # Imported where they are wanted: 15 MB that a process without a collector does not need.
    exporter: Any
    if settings.protocol("traces") == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter as GrpcExporter,
        )

        exporter = GrpcExporter()
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter as HttpExporter,
        )

        exporter = HttpExporter()
    assert isinstance(exporter, SpanExporter)
    return exporter
