"""The execution service: its stage, run by the shared runtime."""

from penstock_runtime.drivers import StageDriver
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import run_service

from penstock_execution.config import ExecutionConfig
from penstock_execution.stage import ExecutionStage


def build(settings: ServiceSettings) -> StageDriver:
    """The stage under its configuration."""
    return StageDriver(
        "execution", ExecutionStage(settings.section("execution", ExecutionConfig), settings.session)
    )


if __name__ == "__main__":
    run_service("execution", build)
