"""What a service is told at its start: where the servers are, and the resolved configuration.

Environment: PENSTOCK_CONFIG (path of the resolved JSON document), PENSTOCK_NATS_URL or
PENSTOCK_NATS_URL_FILE, PENSTOCK_POSTGRES_URL or PENSTOCK_POSTGRES_URL_FILE, PENSTOCK_DATA_DIR,
PENSTOCK_LOG_FILE, PENSTOCK_LOG_LEVEL, PENSTOCK_HEALTH_FILE, PENSTOCK_SNAPSHOT_INTERVAL_S, PENSTOCK_STANDBY,
PENSTOCK_LOG_SYNC, PENSTOCK_LIVE. Addresses hold passwords: in a container they come from files.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from penstock_kernel.session import SessionConfig
from pydantic import BaseModel, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from penstock_runtime.errors import BadConfiguration

M = TypeVar("M", bound=BaseModel)
UNDECIDING = frozenset({"api", "alerts", "recorder", "log"})
"""Sections of the configuration that no output depends on."""


class ServiceSettings(BaseSettings):
    """Read from the environment by `load`."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", frozen=True, extra="ignore")

    config: Path
    nats_url: str
    nats_url_file: Path | None = None
    """Where the log's address is written, when it is not given itself."""
    postgres_url: str = ""
    postgres_url_file: Path | None = None
    """Where the database's address will be written once it is known: trading does not wait for it."""
    data_dir: Path = Path()
    log_file: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    health_file: Path | None = None
    """Written with each health report while the log is connected: its age tells whether the service lives."""
    snapshot_interval_s: float = 10.0
    witness_dir: Path | None = None
    """The session's folder on the launcher's machine; None takes back any snapshot."""
    log_sync: Literal["interval", "always"] = "interval"
    """`always`: nats-server flushes to disk before it acknowledges, which live trading requires."""
    live: bool = False
    """Orders may leave for a live venue: somebody gave the flag."""
    standby: bool = False
    """A second copy: computes everything, publishes only what nobody else has."""

    @model_validator(mode="before")
    @classmethod
    def _nats_url_from_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        file = values.get("nats_url_file")
        if not file or values.get("nats_url"):
            return values
        try:
            return {**values, "nats_url": read_address(Path(file))}
        except BadConfiguration as error:
            raise ValueError(str(error)) from error

    @property
    def report_interval_s(self) -> float:
        """How often a service says how it is; often where somebody waits to see what a step has brought."""
        return 0.05 if self.document.get("ingest", {}).get("stepped") else 1.0

    @property
    def may_have_database(self) -> bool:
        """Whether there is a database, or will be."""
        return bool(self.postgres_url) or self.postgres_url_file is not None

    def database_url(self) -> str:
        """The database's address as of now; empty while it is not known."""
        if self.postgres_url or self.postgres_url_file is None:
            return self.postgres_url
        try:
            return self.postgres_url_file.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    @cached_property
    def document(self) -> dict[str, Any]:
        """The resolved configuration, all sections."""
        try:
            document = json.loads(self.config.read_bytes())
        except (OSError, ValueError) as error:
            raise BadConfiguration(f"{self.config}: {error}") from error
        if not isinstance(document, dict):
            raise BadConfiguration(f"{self.config}: not a JSON object")
        return document

    @cached_property
    def config_hash(self) -> str:
        """Sixteen hex digits that identify the configuration's content."""
        return config_hash(self.document)

    @cached_property
    def session(self) -> SessionConfig:
        """The session that all services share."""
        return self.section("session", SessionConfig)

    def section(self, name: str, model: type[M]) -> M:
        """One section of the document, validated. BadConfiguration names the field."""
        try:
            return model.model_validate(self.document.get(name, {}))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in (name, *first["loc"]))
            raise BadConfiguration(f"{where}: {first['msg']}") from error


def read_address(file: Path) -> str:
    """The address in a file. BadConfiguration when there is none."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadConfiguration(f"{file}: {error.strerror or error}") from error


def config_hash(document: dict[str, Any]) -> str:
    """SHA-256 of what decides outputs, as canonical JSON, shortened to sixteen hex digits.

    Where the api listens, who is alerted, how the recorder writes and how long the log is kept decide none.
    """
    deciding = {name: section for name, section in document.items() if name not in UNDECIDING}
    text = json.dumps(deciding, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load() -> ServiceSettings:
    """The settings of this process. BadConfiguration when something is missing."""
    try:
        return ServiceSettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "PENSTOCK_" + ("_".join(str(part) for part in first["loc"]).upper() or "NATS_URL_FILE")
        raise BadConfiguration(f"{name}: {first['msg']}") from error
