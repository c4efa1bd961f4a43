"""What Prometheus and a collector get of a process."""

from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from penstock_runtime.health import Health
from penstock_runtime.metrics import METRICS
from penstock_runtime.metrics.outlets import Outlets
from prometheus_client.parser import text_string_to_metric_families
from support.otlp import http_collector


def reports() -> Outlets:
    outlets = Outlets()
    for name in ("ingest", "fused"):
        health = Health(name)
        health.events = 5
        health.turns.add(700.0)
        outlets.give(health.report())
    return outlets


def test_nothing_is_opened_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK_METRICS_PORT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    outlets = reports()
    outlets.open()
    assert outlets.port is None
    outlets.close()


def test_prometheus_reads_the_last_report_of_every_service_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENSTOCK_METRICS_PORT", "0")
    outlets = reports()
    outlets.open()
    with urlopen(f"http://127.0.0.1:{outlets.port}/metrics", timeout=60) as answer:
        found = list(text_string_to_metric_families(answer.read().decode()))
    events = next(each for each in found if each.name == "penstock_events")
    assert {each.labels["service"]: each.value for each in events.samples} == {"ingest": 5, "fused": 5}
    assert {each.name for each in found} <= {name.removesuffix("_total") for name in METRICS}
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"http://127.0.0.1:{outlets.port}/", timeout=60)
    outlets.close()


def test_a_port_that_is_taken_stops_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_METRICS_PORT", "0")
    first, second = reports(), reports()
    first.open()
    monkeypatch.setenv("PENSTOCK_METRICS_PORT", str(first.port))
    second.open()
    assert second.port is None
    first.close()


def test_a_collector_gets_the_same_with_units_and_a_last_time_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PENSTOCK_METRICS_PORT", raising=False)
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
        outlets = reports()
        outlets.open()
        outlets.close()
        collector.wait(lambda: len(collector.metrics) == 2)
        assert {"penstock.events", "penstock.stage_turn"} <= collector.metrics["penstock-fused"]
