"""Configuration of the strategy service; the strategies themselves are in the session."""

from penstock_contracts.types import Name
from pydantic import BaseModel, ConfigDict, Field


class StrategyConfig(BaseModel):
    """How strategies are run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    off: tuple[Name, ...] = Field(
        default=(), description="Names of strategies that start switched off, until a strategy_on command."
    )
