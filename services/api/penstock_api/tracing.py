"""A span for each request, and below it one for each of its statements, where traces are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from penstock_runtime.otel import Otel

UNTRACED = r"^https?://[^/]+/(livez|readyz|metrics)$"
"""Asked every few seconds by machines."""


@contextmanager
def traced(app: FastAPI, service: str) -> Iterator[None]:
    """Trace an app's requests, before its first one; without a collector nothing is imported."""
    settings = Otel()
    if not settings.wants("traces"):
        yield
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415
    from opentelemetry.metrics import NoOpMeterProvider  # noqa: PLC0415
    from penstock_runtime.tracing.live import LiveSpans  # noqa: PLC0415

    spans = LiveSpans(service, settings)
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=spans.requests,
        meter_provider=NoOpMeterProvider(),
        excluded_urls=UNTRACED,
        exclude_spans=["receive", "send"],
    )
    try:
        yield
    finally:
        FastAPIInstrumentor.uninstrument_app(app)
        spans.close()
