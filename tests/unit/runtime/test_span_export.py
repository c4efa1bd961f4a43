"""Spans to a collector, as the OTEL_* variables say; a collector that hangs costs a counter, nothing else."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from penstock_runtime.otel import Otel, resource_of
from penstock_runtime.tracing.export import CLOSE_S, SpanExport, exporting, sampler_of
from penstock_runtime.tracing.spans import Span
from support.otlp import Collector, grpc_collector, http_collector


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with http_collector() as found:
        yield found


def span(number: int, **different: Any) -> Span:
    what: dict[str, Any] = {
        "trace_id": f"{number:032x}", "span_id": f"{number:016x}", "parent_id": f"{7:016x}",
        "service": "risk", "name": "risk.approve", "kind": "producer", "start_ns": 1_000, "end_ns": 3_000,
        "attributes": {"penstock.order_id": "o-1", "penstock.ts": 5}, "links": ((f"{9:032x}", f"{9:016x}"),),
    }  # fmt: skip
    return Span(**(what | different))


def test_a_span_arrives_as_it_is(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,team=desk")
    export = exporting(Otel())
    export.emit([span(1), span(2, service="venue", parent_id="")])
    collector.wait(lambda: len(collector.spans) == 2)
    first, second = collector.spans
    assert (first.trace_id, first.span_id, first.parent_id) == (f"{1:032x}", f"{1:016x}", f"{7:016x}")
    assert (first.start_ns, first.end_ns, first.links) == (1_000, 3_000, (f"{9:032x}",))
    assert first.attributes == {"penstock.order_id": "o-1", "penstock.ts": "5", "penstock.service": "risk"}
    assert (first.service, second.service, second.parent_id) == ("penstock-risk", "penstock-venue", "")
    assert first.resource["team"] == "desk"
    export.close()
    assert (export.emitted, export.dropped) == (2, 0)


def test_grpc_is_spoken_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with grpc_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        export = exporting(Otel())
        export.emit([span(1)])
        collector.wait(lambda: len(collector.spans) == 1)
        export.close()


def test_a_service_name_from_the_environment_is_everybody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resource_of("risk").attributes["service.name"] == "penstock-risk"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "desk")
    assert resource_of("risk", Otel().service_name).attributes["service.name"] == "desk"
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=floor")
    assert resource_of("risk", Otel().service_name).attributes["service.name"] == "floor"


def test_nothing_is_exported_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Otel().wants("traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1/v1/metrics")
    assert (Otel().wants("traces"), Otel().wants("metrics")) == (False, True)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert Otel().wants("traces")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert (Otel().wants("traces"), Otel().wants("metrics")) == (False, True)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert (Otel().wants("traces"), Otel().wants("metrics")) == (False, False)


def test_a_share_of_the_traces_is_whole_traces_and_always_the_same(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    spread = [number * 2**56 for number in range(256)]  # the ratio looks at the last eight bytes
    export = exporting(Otel())
    for _ in range(2):
        export.emit([span(each, span_id=f"{at + 1:016x}") for at, each in enumerate(spread, 1) if each])
    collector.wait(lambda: len(collector.spans) == 2 * 63)
    traces = [each.trace_id for each in collector.spans]
    assert sorted(traces[:63]) == sorted(traces[63:])
    export.close()


@pytest.mark.parametrize("name", ["always_off", "parentbased_always_off"])
def test_sampling_can_be_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", name)
    assert not sampler_of(Otel()).should_sample(None, 1, "x").decision.is_sampled()


def test_a_collector_that_hangs_holds_nobody_up_and_what_finds_no_room_is_counted(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "600")
    collector.mood = "hangs"
    export = exporting(Otel())
    taken = threading.Event()

    def emit() -> None:
        for number in range(1, 5_001):
            export.emit([span(number)])
        taken.set()

    threading.Thread(target=emit, daemon=True).start()
    assert taken.wait(60), "it waited for the collector"
    assert (export.emitted, export.dropped) == (600, 4_400)
    began = time.monotonic()
    export.close()
    assert time.monotonic() - began < 10 * CLOSE_S, "it waited for the collector at its end"


def test_what_a_collector_refuses_is_counted_and_what_it_takes_again_arrives(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    collector.mood = "refuses"
    export = exporting(Otel())
    assert isinstance(export, SpanExport)
    export.emit([span(1), span(2)])
    collector.wait(lambda: export.dropped == 2)
    collector.mood = "takes"
    export.emit([span(3)])
    collector.wait(lambda: len(collector.spans) == 1)
    assert collector.spans[0].span_id == f"{3:016x}"
    export.close()
