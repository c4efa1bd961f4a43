"""A request's span and the spans of its statements reach a collector, where the environment names one."""

from __future__ import annotations

import sys

import asyncpg
import pytest
from fastapi import FastAPI
from penstock_api.tracing import traced
from penstock_runtime.store.migrate import migrate
from support.api import served
from support.otlp import Collector, Got, http_collector

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def of(collector: Collector, name: str) -> list[Got]:
    return [each for each in collector.spans if each.name == name]


async def test_the_span_of_a_request_and_of_its_query_reach_the_collector(
    nats_url: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        await migrate(postgres_url)
        async with served(nats_url, postgres_url) as api:
            await api.ready()
            asked = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = await api.client.get("/api/v1/signals?limit=3", headers=asked)
            assert answer.status_code == 200, answer.text
        # Its end delivers what waits.
    (request,) = [each for each in collector.spans if each.trace_id == TRACE and each.parent_id == PARENT]
    assert request.name == "GET /api/v1/signals"
    assert request.service == "penstock-api"
    statements = [each for each in collector.spans if each.parent_id == request.span_id]
    assert statements, collector.spans
    for each in statements:
        assert each.trace_id == TRACE
        assert each.service == "penstock-api"
        assert request.start_ns <= each.start_ns <= each.end_ns <= request.end_ns
    assert any("signals" in text for each in statements for text in each.attributes.values())
    assert not of(collector, "GET /readyz"), "who only asks whether it lives is not traced"
    roots = [each for each in collector.spans if not each.parent_id]
    assert all(each.name.startswith("GET ") for each in roots), "a statement of nobody's makes no trace"
    assert not hasattr(asyncpg.Connection.fetch, "__wrapped__"), "its end leaves the driver as it was"


def test_without_a_collector_nothing_is_instrumented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "penstock_runtime.tracing.live", raising=False)
    app = FastAPI()
    with traced(app, "api"):
        assert not hasattr(asyncpg.Connection.fetch, "__wrapped__")
        assert not getattr(app, "_is_instrumented_by_opentelemetry", False)
        assert "penstock_runtime.tracing.live" not in sys.modules
