"""The ingest service."""

from penstock_runtime.log import Log
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import run_shell

from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig
from penstock_ingest.service import IngestService


def build(log: Log, settings: ServiceSettings) -> IngestService:
    """Ingest over the configured sources."""
    config = settings.section("ingest", IngestConfig)
    return IngestService(log, settings, config, build_schedule(config, settings.session))


if __name__ == "__main__":
    run_shell("ingest", build)
