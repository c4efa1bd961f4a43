"""All stages in one process: the same messages in the same log, one hop instead of four."""

from penstock_execution.config import ExecutionConfig
from penstock_execution.stage import ExecutionStage
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.stage import Stage
from penstock_risk.config import RiskConfig
from penstock_risk.stage import RiskStage
from penstock_runtime.drivers import ChainDriver
from penstock_runtime.settings import ServiceSettings
from penstock_strategy.config import StrategyConfig
from penstock_strategy.stage import StrategyStage


def stages(settings: ServiceSettings) -> dict[str, Stage]:
    """The four stages under their configuration."""
    session = settings.session
    return {
        "features": FeaturesStage(settings.section("features", FeaturesConfig), session),
        "strategy": StrategyStage(settings.section("strategy", StrategyConfig), session),
        "risk": RiskStage(settings.section("risk", RiskConfig), session),
        "execution": ExecutionStage(settings.section("execution", ExecutionConfig), session),
    }


def build(settings: ServiceSettings) -> ChainDriver:
    """The chain of all stages."""
    return ChainDriver(stages(settings))
