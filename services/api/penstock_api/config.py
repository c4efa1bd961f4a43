"""Configuration of the api."""

from pydantic import BaseModel, ConfigDict, Field


class ApiConfig(BaseModel):
    """Where the api listens, and its bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on. It asks nobody who they are: leave it on this machine."""
    port: int = Field(default=8420, ge=0, le=65_535)
    """0: any free port, named in the log."""
    body_bytes_max: int = Field(default=64 * 1024, ge=1024, le=1 << 24)
    """Larger request bodies are refused with 413."""
    command_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """How long a command's answer is waited for before 202 says that it is on its way."""
    command_expiry_s: float = Field(default=30.0, gt=0, le=3_600)
    """A command that ingest finds older than this is not carried out."""
    lag_messages_max: int = Field(default=5_000, ge=1, le=1_000_000)
    """Messages that may wait to be read before the api calls itself not ready."""
