"""What the OTEL_* variables ask for, by the specification: whether to export, how, and as whom.

Nothing is exported until an endpoint is named (`OTEL_EXPORTER_OTLP_ENDPOINT`, or that of one signal) or an
exporter is asked for (`OTEL_TRACES_EXPORTER=otlp`): without a collector there is no cost and no noise. Where
the collector is, its headers, timeouts, queue sizes: the exporters read those variables themselves.
"""

import logging
from typing import Any, Literal

import structlog
from pydantic_settings import BaseSettings, SettingsConfigDict

Signal = Literal["traces", "metrics"]
_log = structlog.get_logger(__name__)


class Otel(BaseSettings):
    """The variables that decide whether and how."""

    model_config = SettingsConfigDict(env_prefix="OTEL_", frozen=True, extra="ignore", env_ignore_empty=True)

    sdk_disabled: str = "false"
    traces_exporter: str = ""
    metrics_exporter: str = ""
    exporter_otlp_endpoint: str = ""
    exporter_otlp_traces_endpoint: str = ""
    exporter_otlp_metrics_endpoint: str = ""
    exporter_otlp_protocol: str = "http/protobuf"
    exporter_otlp_traces_protocol: str = ""
    exporter_otlp_metrics_protocol: str = ""
    service_name: str = ""
    traces_sampler: str = "parentbased_always_on"
    traces_sampler_arg: str = ""
    metric_export_interval: float = 60_000.0
    """ms"""
    bsp_max_queue_size: int = 2048

    def wants(self, signal: Signal) -> bool:
        """Whether a signal is to be exported. Says so where it is asked for in a way that there is not."""
        if self.sdk_disabled.strip().lower() == "true":
            return False
        names = (self.traces_exporter if signal == "traces" else self.metrics_exporter).split(",")
        asked = {name.strip().lower() for name in names if name.strip()}
        for name in sorted(asked - {"otlp", "none", "prometheus"}):
            _log.warning("exporter_unknown", signal=signal, exporter=name, there_is="otlp")
        if asked:
            return "otlp" in asked
        own = (
            self.exporter_otlp_traces_endpoint if signal == "traces" else self.exporter_otlp_metrics_endpoint
        )
        return bool(own or self.exporter_otlp_endpoint)

    def protocol(self, signal: Signal) -> str:
        """`http/protobuf` or `grpc`."""
        own = (
            self.exporter_otlp_traces_protocol if signal == "traces" else self.exporter_otlp_metrics_protocol
        )
        wanted = (own or self.exporter_otlp_protocol).strip().lower()
        if wanted not in {"http/protobuf", "grpc"}:
            _log.warning("protocol_unknown", protocol=wanted, used="http/protobuf")
            return "http/protobuf"
        return wanted


def resource_of(service: str, named: str = "") -> Any:
    """The resource that telemetry is of: `penstock-<service>`, unless the environment names one."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415  (only where it is wanted)

    resource = Resource.create()
    given = str(resource.attributes.get(SERVICE_NAME, ""))
    if not named and (not given or given.startswith("unknown_service")):
        resource = resource.merge(Resource({SERVICE_NAME: f"penstock-{service}"}))
    return resource


def hush() -> None:
    """Keep the exporters' own words out of the log: failures are counted, and told once."""
    for name in ("opentelemetry", "urllib3", "requests", "grpc"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
