"""What a session is to be, decided before anything starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_kernel.session import SessionConfig

from penstock.launch.paths import DataDir, SessionFolder

STAGES = ("ingest", "features", "strategy", "risk", "execution")
PROJECTIONS = ("recorder", "api")
"""They need the database; the others trade without it."""


STANDBY = "-standby"


def standby_name(service: str) -> str:
    """What the second copy of a service is called."""
    return service + STANDBY


@dataclass(frozen=True, slots=True)
class Plan:
    """A resolved session and where it runs."""

    data_dir: DataDir
    folder: SessionFolder
    out: Path
    document: dict[str, Any]
    """The resolved configuration."""
    session: SessionConfig
    config_hash: str
    profile: str
    source: str
    speed: float | None
    """Event seconds per wall second; None: as fast as the stages follow."""
    seed: int | None = None
    """Of the synthetic market; None where there is none."""
    fused: bool = False
    standby: tuple[str, ...] = ()
    """Stages of which a second copy runs, ready to take over."""
    resume: bool = False
    detached: bool = False
    live: bool = False
    """Orders leave for a live venue."""

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the session's strategies."""
        return tuple(each.name for each in self.session.strategies)

    @property
    def trading(self) -> tuple[tuple[str, str], ...]:
        """Service and module of each process that trades."""
        if self.fused:
            return (("fused", "penstock.fused"),)
        stages = tuple((name, f"penstock_{name}") for name in STAGES)
        return (*stages, *((standby_name(name), f"penstock_{name}") for name in self.standby))

    @property
    def api_url(self) -> str:
        """Where the API of this session listens; empty where its port is not fixed."""
        port = self.document.get("api", {}).get("port")
        return f"http://127.0.0.1:{port}" if port else ""

    @property
    def services(self) -> tuple[str, ...]:
        """Every process of the session, as its health reports name it."""
        return (*(name for name, _ in self.trading), *PROJECTIONS)
