"""The whole configuration: what a run is, and a section of each service's own."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from penstock_api.alerts.config import AlertsConfig
from penstock_api.config import ApiConfig
from penstock_contracts.types import InstrumentKey
from penstock_execution.config import ExecutionConfig
from penstock_ingest.config import Duration, IngestConfig
from penstock_kernel.declarations import FeatureSpec
from penstock_recorder.config import RecorderConfig
from penstock_risk.config import RiskConfig
from penstock_runtime.log import StreamLimits
from penstock_strategy.config import StrategyConfig
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from penstock.config.features import FeaturesSection
from penstock.config.strategies import StrategyChoice

VERSION = 1
CAPITAL = re.compile(r"([0-9][0-9_,.]*)\s*([A-Za-z0-9]{1,16})?")


def parse_capital(text: str) -> tuple[Decimal, str | None]:
    """Amount and currency of `100000 USDT`, or of `100000`. ValueError for anything else."""
    match = CAPITAL.fullmatch(text.strip())
    try:
        amount = Decimal(match[1].replace("_", "").replace(",", "")) if match else Decimal(0)
    except InvalidOperation:
        amount = Decimal(0)
    if match is None or amount <= 0:
        raise ValueError(
            f"{text!r} is not an amount; write a number above 0 and a currency, as in 100000 USDT"
        )
    return amount, match[2].upper() if match[2] else None


def _known_capital(text: str) -> str:
    parse_capital(text)
    return text


class RegimeConfig(BaseModel):
    """The regime of a market (trend, range or volatile) that signals carry, judged on the strategy's bars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(default=True, description="Whether signals carry it.")
    period: int = Field(default=20, ge=2, le=2_000, description="Bars; known after five times as many.")
    trend: float = Field(
        default=0.3, ge=0.01, le=1, description="A trend moves at least this share of the path of the close."
    )
    volatile: float = Field(
        default=1.8,
        ge=1,
        le=100,
        description="A volatile market's path is at least this many times the usual.",
    )

    def feature(self) -> FeatureSpec | None:
        """What features computes for it."""
        if not self.enabled:
            return None
        values: dict[str, int | float] = self.model_dump(exclude={"enabled"})
        return FeatureSpec(name="regime", function="regime", parameters=values)


class RunConfig(BaseModel):
    """What is traded, by which strategies, with how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruments: tuple[InstrumentKey, ...] = Field(
        default=(),
        description="Instruments to trade, `<symbol>.<venue>`; default: all that the sources have.",
    )
    strategies: tuple[StrategyChoice, ...] = Field(
        default=(StrategyChoice(source="ma_cross"),),
        min_length=1,
        description="Strategies, as tables or as text. The default is quick (5 and 20 bars) on trades.",
    )
    bar_interval: Duration | None = Field(
        default=None,
        description="Of the bars that strategies see; default: 1s from trades, a bar file's own.",
    )
    regime: RegimeConfig = RegimeConfig()
    capital: Annotated[str, AfterValidator(_known_capital)] = Field(
        default="100000",
        description="Of the account; its currency defaults to the instruments' common quote.",
    )


class RootConfig(BaseModel):
    """A configuration file. What features computes is composed of its sets and what strategies declare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(default=1, description="Of this layout.")
    run: RunConfig = RunConfig()
    ingest: IngestConfig = IngestConfig()
    features: FeaturesSection = FeaturesSection()
    strategy: StrategyConfig = StrategyConfig()
    risk: RiskConfig = RiskConfig()
    execution: ExecutionConfig = ExecutionConfig()
    recorder: RecorderConfig = RecorderConfig()
    api: ApiConfig = ApiConfig()
    alerts: AlertsConfig = AlertsConfig()
    log: StreamLimits = StreamLimits()
