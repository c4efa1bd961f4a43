"""The risk service: its stage, run by the shared runtime."""

from penstock_runtime.drivers import StageDriver
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.shell import run_service

from penstock_risk.config import RiskConfig
from penstock_risk.guarded import risk_stage


def build(settings: ServiceSettings) -> StageDriver:
    """The stage under its configuration."""
    return StageDriver("risk", risk_stage(settings.section("risk", RiskConfig), settings.session))


if __name__ == "__main__":
    run_service("risk", build)
