"""From a service's report to the samples of its metrics. Pure: the service itself and the api both use it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from penstock_contracts.types import TradingState

from penstock_runtime.metrics.names import METRICS


class Distribution(NamedTuple):
    """A histogram's state."""

    counts: tuple[int, ...]
    """Per bucket of `SECONDS_BOUNDS`, not cumulative, and what lies above the last."""
    sum_s: float


class Sample(NamedTuple):
    """One value of one metric."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float | Distribution


def samples(report: Mapping[str, Any]) -> list[Sample]:
    """Every sample that a report holds, in the order of `METRICS`; `service` is its first label.

    What a report does not say (an older version's, a service that has none of it) has no sample.
    """
    service = ("service", str(report.get("service", "")))
    found = [*_process(report), *_viewed(report), *_counted(report.get("metrics", ()))]
    order = {name: place for place, name in enumerate(METRICS)}
    known = (each for each in found if each.name in order)
    whole = (each._replace(labels=(service, *each.labels)) for each in known)
    return sorted(whole, key=lambda each: (order[each.name], each.labels))


_PROCESS = {
    "events": "penstock_events_total",
    "outputs": "penstock_outputs_total",
    "errors": "penstock_errors_total",
    "lag": "penstock_backlog_messages",
    "rss_bytes": "penstock_process_memory_bytes",
    "cpu_s": "penstock_process_cpu_seconds_total",
}
_TIMES = {"ts": "penstock_service_report_timestamp_seconds", "mark": "penstock_mark_timestamp_seconds"}
_VIEWED: dict[str, dict[str, str]] = {
    "ingest": {"quarantined": "penstock_quarantined_rows_total"},
    "features": {"bars": "penstock_bars_total", "rows": "penstock_feature_rows_total"},
    "strategy": {"errors": "penstock_strategy_errors_total"},
    "risk": {"working": "penstock_working_orders"},
    "execution": {"blocked": "penstock_orders_blocked_total", "unknown": "penstock_orders_unknown"},
    "recorder": {
        "rows": "penstock_recorder_rows_total",
        "transactions": "penstock_recorder_transactions_total",
        "sequence": "penstock_recorder_sequence",
        "archived": "penstock_recorder_archived_sequence",
    },
}


def _process(report: Mapping[str, Any]) -> Iterator[Sample]:
    if "state" in report:
        yield Sample("penstock_service_running", (), float(report["state"] == "running"))
    for key, name in _PROCESS.items():
        if key in report:
            yield Sample(name, (), float(report[key]))
    for key, name in _TIMES.items():
        if report.get(key):
            yield Sample(name, (), report[key] / 1e9)


def _viewed(report: Mapping[str, Any]) -> Iterator[Sample]:
    """What a stage describes, by itself or fused with others."""
    view = report.get("view") or {}
    service = str(report.get("service", "")).removesuffix("-standby")
    for producer, part in view.items() if service == "fused" else ((service, view),):
        if not isinstance(part, Mapping):
            continue
        for key, name in _VIEWED.get(producer, {}).items():
            if isinstance(part.get(key), int | float):
                yield Sample(name, (), float(part[key]))
        if producer == "recorder" and "database" in part:
            yield Sample("penstock_recorder_database_up", (), float(part["database"] == "there"))
        if producer == "risk" and "state" in part:
            for state in TradingState:
                yield Sample("penstock_trading_state", (("state", state),), float(part["state"] == state))
        if producer == "strategy":
            for name, each in part.get("strategies", {}).items():
                yield Sample("penstock_strategy_running", (("strategy", name),), float(each["on"]))


def _counted(entries: Sequence[Sequence[Any]]) -> Iterator[Sample]:
    """What the service counted itself: name, labels, and a number or counts and sum."""
    for name, labels, value in entries:
        pairs = tuple(labels.items())
        if isinstance(value, Mapping):
            yield Sample(name, pairs, Distribution(tuple(value["counts"]), float(value["sum_s"])))
        else:
            yield Sample(name, pairs, float(value))
