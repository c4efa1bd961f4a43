"""What the dashboards show is measured, and what Prometheus asks is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from penstock_runtime.metrics import METRICS

REPOSITORY = Path(__file__).resolve().parents[3]
OBS = REPOSITORY / "deploy" / "obs"
BOARDS = sorted((OBS / "grafana" / "dashboards").glob("*.json"))
NAME = re.compile(r"\bpenstock_[a-z_]+")
OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
BY = re.compile(r"\bby \(([^)]*)\)")
LEGEND = re.compile(r"{{(\w+)}}")


def targets(board: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for panel in json.loads(board.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def metric(name: str) -> str:
    """The metric that a name in an expression belongs to; KeyError where there is none."""
    found = METRICS.get(name) or METRICS[OF_A_HISTOGRAM.sub("", name)]
    assert (found.kind == "histogram") == (found.name != name), name
    return found.name


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_every_metric_and_label_on_a_dashboard_exists(board: Path) -> None:
    for title, target in targets(board):
        names = NAME.findall(target["expr"])
        assert names, title
        labels = {"le", "service"}.union(*(METRICS[metric(name)].labels for name in names))
        used = {each.strip() for group in BY.findall(target["expr"]) for each in group.split(",")}
        assert used | set(LEGEND.findall(target["legendFormat"])) <= labels, title


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.stem))
def test_a_counter_is_shown_as_a_rate_and_a_legend_keeps_what_the_sum_keeps(board: Path) -> None:
    for title, target in targets(board):
        expression = target["expr"]
        for name in NAME.findall(expression):
            if METRICS[metric(name)].kind == "counter":
                assert re.search(rf"(rate|increase)\({name}\[", expression), title
        if groups := BY.findall(expression):
            kept = {each.strip() for group in groups for each in group.split(",")}
            assert set(LEGEND.findall(target["legendFormat"])) <= kept, title


def test_dashboards_and_sources_are_those_that_grafana_is_given() -> None:
    assert len(BOARDS) >= 2
    sources = yaml.safe_load((OBS / "grafana/provisioning/datasources/penstock.yaml").read_text())[
        "datasources"
    ]
    known = {source["uid"] for source in sources}
    for board in BOARDS:
        assert {target["datasource"]["uid"] for _, target in targets(board)} <= known


def test_prometheus_asks_services_of_the_stack_at_the_port_that_they_open() -> None:
    stack = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
    port = stack["x-environment"]["PENSTOCK_METRICS_PORT"]
    (job,) = yaml.safe_load((OBS / "prometheus.yaml").read_text())["scrape_configs"]
    asked = {target for each in job["static_configs"] for target in each["targets"]}
    ours = {"ingest", "features", "strategy", "risk", "execution", "recorder", "api"}
    assert asked == {f"{service}:{port}" for service in ours}
    assert ours <= set(stack["services"])


def test_prometheus_can_read_its_configuration() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here")
    subprocess.run([promtool, "check", "config", str(OBS / "prometheus.yaml")], check=True)
