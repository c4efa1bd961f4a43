"""The features service: its stage, run by the shared runtime."""

from penstock_runtime.drivers import StageDriver
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import run_service

from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage


def build(settings: ServiceSettings) -> StageDriver:
    """The stage under its configuration."""
    return StageDriver(
        "features", FeaturesStage(settings.section("features", FeaturesConfig), settings.session)
    )


if __name__ == "__main__":
    run_service("features", build)
