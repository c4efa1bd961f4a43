"""Configuration of the api."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork


class ApiConfig(BaseModel):
    """Where the api listens, and its bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own needs tokens (`penstock token add`)."""
    port: int = Field(default=8420, ge=0, le=65_535)
    """0: any free port, named in the log."""
    tokens_file: Path | None = None
    """Where the tokens are kept; default: `tokens.json` in the data directory."""
    allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    """Addresses that may ask at all, such as `10.0.0.0/8`; none: every address."""
    origins: tuple[str, ...] = ()
    """Other origins whose pages may give commands, such as `https://desk.example`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies that are believed when they say for whom they ask."""
    secure_cookies: bool = False
    """Browsers send the session's cookie over TLS only: set it behind a proxy that speaks TLS."""
    login_hours: float = Field(default=12.0, gt=0, le=24 * 90)
    """How long a browser stays signed in."""
    requests_per_s: float = Field(default=200.0, gt=0, le=1e6)
    """Reads of one caller from one address."""
    requests_burst: int = Field(default=400, ge=1, le=10**6)
    """Reads that may come at once."""
    commands_per_s: float = Field(default=10.0, gt=0, le=1e6)
    """Commands of one caller from one address; a halt is never refused for its rate."""
    commands_burst: int = Field(default=50, ge=1, le=10**6)
    """Commands that may come at once."""
    failures_per_minute: int = Field(default=30, ge=1, le=10**6)
    """Unknown tokens and sign-ins from one address."""
    body_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """How long a request's body may take to arrive."""
    request_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """How long an answer may take to begin."""
    body_bytes_max: int = Field(default=64 * 1024, ge=1024, le=1 << 24)
    """Larger request bodies are refused with 413."""
    command_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """How long a command's answer is waited for before 202 says that it is on its way."""
    command_expiry_s: float = Field(default=30.0, gt=0, le=3_600)
    """A command that ingest finds older than this is not carried out."""
    lag_messages_max: int = Field(default=5_000, ge=1, le=1_000_000)
    """Messages that may wait to be read before the api calls itself not ready."""
