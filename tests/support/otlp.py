"""A collector of our own: takes OTLP over HTTP or gRPC as the real ones do, and tells what it got."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

Mood = Literal["takes", "refuses", "hangs"]
WAIT_S = 90.0


@dataclass(frozen=True)
class Got:
    """A span as it arrived."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    resource: dict[str, str]
    start_ns: int
    end_ns: int
    attributes: dict[str, str]
    links: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        return self.resource["service.name"]


@dataclass
class Collector:
    """What arrived so far. `mood` says how it answers from now on."""

    url: str = ""
    mood: Mood = "takes"
    spans: list[Got] = field(default_factory=list)
    metrics: dict[str, set[str]] = field(default_factory=dict)
    """Names of metrics by service."""
    requests: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def take_traces(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for each in request.resource_spans:
            resource = _values(each.resource.attributes)
            for scope in each.scope_spans:
                self.spans += [
                    Got(
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.name,
                        resource,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        _values(span.attributes),
                        tuple(link.trace_id.hex() for link in span.links),
                    )
                    for span in scope.spans
                ]

    def take_metrics(self, body: bytes) -> None:
        request = ExportMetricsServiceRequest.FromString(body)
        for each in request.resource_metrics:
            names = self.metrics.setdefault(_values(each.resource.attributes)["service.name"], set())
            names.update(metric.name for scope in each.scope_metrics for metric in scope.metrics)

    def wait(self, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"{len(self.spans)} spans, {self.requests} requests"
            time.sleep(0.05)


def _values(attributes: Any) -> dict[str, str]:
    return {each.key: _value(each) for each in attributes}


def _value(attribute: KeyValue) -> str:
    return str(getattr(attribute.value, attribute.value.WhichOneof("value") or "string_value"))


@contextmanager
def http_collector() -> Iterator[Collector]:
    """A collector that speaks OTLP over HTTP, as protobuf."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.requests += 1
            if collector.mood == "hangs":
                collector.released.wait()
            elif collector.mood == "takes":
                assert self.headers["Content-Type"] == "application/x-protobuf"
                (collector.take_traces if self.path == "/v1/traces" else collector.take_metrics)(body)
            self.send_response(200 if collector.mood == "takes" else 400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        collector.released.set()
        server.shutdown()
        server.server_close()


@contextmanager
def grpc_collector() -> Iterator[Collector]:
    """A collector that speaks OTLP over gRPC; traces only."""
    collector = Collector()

    class Traces(TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            collector.requests += 1
            collector.take_traces(request.SerializeToString())
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(Traces(), server)  # type: ignore[no-untyped-call]
    collector.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
