"""The strategy service: its stage, run by the shared runtime."""

from penstock_runtime.drivers import StageDriver
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import run_service

from penstock_strategy.config import StrategyConfig
from penstock_strategy.stage import StrategyStage


def build(settings: ServiceSettings) -> StageDriver:
    """The stage under its configuration."""
    return StageDriver(
        "strategy", StrategyStage(settings.section("strategy", StrategyConfig), settings.session)
    )


if __name__ == "__main__":
    run_service("strategy", build)
