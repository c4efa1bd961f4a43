"""Where a run was made: versions of libraries, processor, platform; and the hashes of what it read."""

import os
import platform
import sys
from collections.abc import Iterable
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from penstock_ingest.config import parse_source
from pydantic import BaseModel, ConfigDict

from penstock_research.report.manifest import DataFile

LIBRARIES = ("penstock", "numpy", "polars", "pyarrow", "pydantic")


class RunManifest(BaseModel):
    """`manifest.json` of a backtest: everything that it takes to make it again, and what it wrote."""

    model_config = ConfigDict(extra="forbid")

    version: int = 1
    kind: str = "backtest"
    code_version: str
    code_hash: str
    """Of the packages that decide what stages put out."""
    config_hash: str
    config: dict[str, Any]
    """The resolved configuration."""
    data: list[DataFile]
    seed: int | None
    """Of the synthetic market or a search; None where nothing was drawn."""
    invented_prices: bool
    """Whether a synthetic market made the prices."""
    python: str
    libraries: dict[str, str]
    processor: str
    platform: str
    seconds: float
    """Wall time of the run, without reading files and writing the report."""
    files: dict[str, str] = {}
    """SHA-256 of each file beside this one."""


def data_files(sources: Iterable[str]) -> list[DataFile]:
    """The files that data came from, with their hashes as they are now; one that is gone has none."""
    found = []
    for source in sources:
        parsed = parse_source(source)
        path = Path(parsed.path)
        if parsed.kind != "replay":
            continue
        if not path.exists():  # a frame, handed over in a file of its own
            found.append(DataFile(path=path.name, bytes=0, sha256=""))
            continue
        with path.open("rb") as opened:
            hashed = file_digest(opened, "sha256").hexdigest()
        found.append(DataFile(path=str(path), bytes=path.stat().st_size, sha256=hashed))
    return found


def libraries() -> dict[str, str]:
    """Versions of what decides results and files."""
    return {name: found for name in LIBRARIES if (found := package_version(name))}


def package_version(name: str) -> str:
    """The version of an installed package; empty when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def python_version() -> str:
    """As in 3.11.2."""
    return sys.version.split()[0]


def processor() -> str:
    """The processor's name and the number of its cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    return f"{name}, {os.cpu_count()} cores"
