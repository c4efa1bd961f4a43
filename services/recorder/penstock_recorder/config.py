"""Configuration of the recorder."""

from penstock_runtime.store.tier import Tier
from pydantic import BaseModel, ConfigDict, Field


class RecorderConfig(BaseModel):
    """How the log is written to the database."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    batch_messages_max: int = Field(default=20_000, ge=1, le=1_000_000)
    """Messages that one transaction takes at most."""
    batch_bytes_max: int = Field(default=16 << 20, ge=1 << 16, le=1 << 30)
    """Bytes of messages that one transaction takes at most: bounds the memory."""
    batch_interval_ms: int = Field(default=50, ge=1, le=10_000)
    """How long a message waits for others before it is written."""
    rest_ms: int = Field(default=10, ge=0, le=1_000)
    """How long messages wait to be read in one go: trading has the processor first."""
    progress_interval_ms: int = Field(default=200, ge=10, le=10_000)
    """How often the place that is written is told to the others."""
    retry_interval_ms_max: int = Field(default=5_000, ge=100, le=60_000)
    """Longest wait between two attempts while the database is away."""
    tier_min: Tier = Tier.PLAIN
    """What the database must be able to do, or nothing is recorded: `plain`, `timescale-apache` (hypertables)
    or `timescale-community` (compression, too)."""
