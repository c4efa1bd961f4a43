"""Where a process's reports leave as metrics: an endpoint for Prometheus, and OTLP; none without being asked.

`PENSTOCK_METRICS_PORT` opens `/metrics` on that port (of `PENSTOCK_METRICS_HOST`); `OTEL_*` variables send
the same to a collector, each `OTEL_METRIC_EXPORT_INTERVAL`. Both have threads of their own and look only at
the last report, so the service waits for neither.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import structlog
from pydantic_settings import BaseSettings, SettingsConfigDict

from penstock_runtime.metrics.samples import Sample, samples
from penstock_runtime.otel import Otel

if TYPE_CHECKING:
    from penstock_runtime.metrics.otlp import MetricExport

_log = structlog.get_logger(__name__)

PATH = "/metrics"


class MetricsSettings(BaseSettings):
    """Where Prometheus may ask."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_METRICS_", frozen=True, extra="ignore")

    port: int | None = None
    """None: nowhere; 0: any free port, named in the log."""
    host: str = "127.0.0.1"


class Outlets:
    """The last report of each service of this process, and who is told."""

    def __init__(self) -> None:
        self._reports: dict[str, dict[str, Any]] = {}
        self._endpoint: ThreadingHTTPServer | None = None
        self._export: MetricExport | None = None

    def open(self) -> None:
        """Open what the environment asks for."""
        settings, otel = MetricsSettings(), Otel()
        if settings.port is not None:
            self._endpoint = _endpoint(self, settings.host, settings.port)
        if otel.wants("metrics"):
            from penstock_runtime.metrics.otlp import MetricExport  # noqa: PLC0415  (15 MB)

            self._export = MetricExport(self.samples, otel)

    def give(self, report: dict[str, Any]) -> None:
        """Take a report in place of the service's last one."""
        self._reports[report["service"]] = report

    def samples(self) -> list[Sample]:
        """All samples of the last reports."""
        return [sample for report in list(self._reports.values()) for sample in samples(report)]

    def close(self) -> None:
        """Stop answering; deliver the last samples, if that is soon done."""
        if self._endpoint is not None:
            self._endpoint.shutdown()
            self._endpoint.server_close()
        if self._export is not None:
            self._export.close()
        self._endpoint = self._export = None

    @property
    def port(self) -> int | None:
        """Where Prometheus may ask."""
        return self._endpoint.server_port if self._endpoint is not None else None


OUTLETS = Outlets()
"""Of this process."""


def _endpoint(outlets: Outlets, host: str, port: int) -> ThreadingHTTPServer | None:
    from penstock_runtime.metrics import exposition  # noqa: PLC0415  (only where it is asked for)

    class Handler(BaseHTTPRequestHandler):
        """Answers `PATH` alone."""

        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == PATH
            body = exposition.text(outlets.samples()) if found else b"not found\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", exposition.CONTENT_TYPE if found else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Scrapes are not worth a line."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        _log.warning("metrics_not_served", host=host, port=port, error=str(error))
        return None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    _log.info("metrics_served", url=f"http://{host}:{server.server_port}{PATH}")
    return server
