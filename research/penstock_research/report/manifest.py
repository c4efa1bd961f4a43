"""The manifest: everything that it takes to make a run again, and the hashes of what it wrote."""

from hashlib import sha256
from typing import Any

from penstock_contracts.instrument import Instrument
from penstock_kernel.session import SessionConfig
from pydantic import BaseModel, ConfigDict

FILES = ("final_report.json", "events.jsonl", "metrics.json", "metrics.csv")


class DataFile(BaseModel):
    """A file that data came from."""

    model_config = ConfigDict(extra="forbid")

    path: str
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """`manifest.json`."""

    model_config = ConfigDict(extra="forbid")

    version: int = 1
    session_id: str
    code_version: str
    code_hash: str
    config_hash: str
    config: dict[str, Any]
    """The resolved configuration, secrets redacted."""
    data: list[DataFile]
    seed: int | None
    """Of the synthetic market; None where all data came from elsewhere."""
    invented_prices: bool
    """Whether a synthetic market made the prices."""
    paper_venue: dict[str, Any]
    """How the paper venue fills: latencies, spread, slippage, participation."""
    python: str
    libraries: dict[str, str]
    processor: str
    platform: str
    files: dict[str, str] = {}
    """SHA-256 of each file of the report."""

    def instruments(self) -> dict[str, Instrument]:
        """The session's instruments by key."""
        return SessionConfig.model_validate(self.config["session"]).by_key


def digest(content: bytes) -> str:
    """SHA-256 as hex digits."""
    return sha256(content).hexdigest()
