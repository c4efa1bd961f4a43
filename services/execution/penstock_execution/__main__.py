"""The execution service: its stage, run by the shared runtime; or, at a live venue, no stage but an edge."""

from penstock_runtime.drivers import StageDriver
from penstock_runtime.log import Log
from penstock_runtime.service import StageService
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import Runnable, run_shell

from penstock_execution.config import ExecutionConfig
from penstock_execution.live.build import LiveProcess
from penstock_execution.stage import ExecutionStage


def build(log: Log, settings: ServiceSettings) -> Runnable:
    """What the configuration asks for."""
    config = settings.section("execution", ExecutionConfig)
    if config.venue == "live":
        return LiveProcess(log, settings, config)
    driver = StageDriver("execution", ExecutionStage(config, settings.session))
    return StageService("execution", driver, log, settings)


if __name__ == "__main__":
    run_shell("execution", build)
