"""A session and a collector that hangs at first: it trades on, and then orders' traces arrive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e.conftest import User
from support.otlp import Collector, Got, http_collector

SERVICES = {"ingest", "features", "strategy", "risk", "execution", "venue", "recorder"}
WAIT_S = 180.0


def status(user: User) -> dict[str, Any]:
    said = user.run("status", "--json")
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def filled(collector: Collector) -> list[Got]:
    """The spans of an order that arrived whole: from the tick to a fill that the recorder has written."""
    for fill in [each for each in collector.spans if each.name == "venue.fill"]:
        trace = [each for each in collector.spans if each.trace_id == fill.trace_id]
        if {each.service for each in trace} == {f"penstock-{each}" for each in SERVICES}:
            return trace
    return []


def test_it_trades_while_the_collector_hangs_and_traces_and_metrics_arrive_when_it_answers(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        collector.mood = "hangs"
        started = user.run("up", "--source", "synthetic", "--strategy", "ma_cross:fast=2,slow=4")
        assert started.returncode == 0, started.stderr
        collector.wait(lambda: status(user)["fills"] > 0, WAIT_S)
        assert collector.requests
        assert not collector.spans

        collector.mood = "takes"
        collector.released.set()
        collector.wait(lambda: bool(filled(collector)), WAIT_S)
        collector.wait(lambda: "penstock.spans" in collector.metrics.get("penstock-recorder", ()), WAIT_S)
        assert "penstock.stage_turn" in collector.metrics["penstock-features"]
        trace = filled(collector)
        (order_id,) = {each.attributes["penstock.order_id"] for each in trace if each.name == "risk.approve"}
        said = user.run("trace", order_id, "--json")
        assert said.returncode == 0, said.stderr
        told = {(each["span_id"], each["parent_id"], each["name"]) for each in json.loads(said.stdout)}
        arrived = {(each.span_id, each.parent_id, each.name) for each in trace}
        assert {each for each in arrived if each[2] != "recorder.write"} <= told

        ended = user.run("down", "--flatten")
        assert ended.returncode == 0, ended.stderr
        assert user.report()["errors"] == 0
