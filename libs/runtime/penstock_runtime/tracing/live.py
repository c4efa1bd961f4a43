"""Spans of what is traced as it happens: requests to a service, and the statements that they lead to.

Made by OpenTelemetry's own instrumentation, in the process that they are about; what becomes of an order is
told from the log instead (`spans`). To be imported only where traces are asked for.
"""

from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler

from penstock_runtime.otel import Otel, hush, resource_of
from penstock_runtime.tracing.export import Bounded, exporter_of, sampler_of


class LiveSpans:
    """Traces every statement of this process that a request led to, until closed."""

    def __init__(self, service: str, settings: Otel) -> None:
        hush()
        self._bounded = Bounded(exporter_of(settings), settings)
        self._resource = resource_of(service, settings.service_name)
        self.requests = self._provider(sampler_of(settings))
        """For the instrumentation of whatever takes the requests."""
        # What no request asked for is upkeep: statements without end, of which nobody wants a trace each.
        self._statements = self._provider(ParentBased(ALWAYS_OFF))
        self._database = AsyncPGInstrumentor()  # type: ignore[no-untyped-call]  # its own lacks types
        self._database.instrument(tracer_provider=self._statements)

    def _provider(self, sampler: Sampler) -> TracerProvider:
        provider = TracerProvider(sampler=sampler, resource=self._resource, shutdown_on_exit=False)
        provider.add_span_processor(self._bounded)
        return provider

    def close(self) -> None:
        """Trace no more; deliver what waits, if that is soon done."""
        self._database.uninstrument()
        self._bounded.close()
