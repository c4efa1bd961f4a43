"""The environment that the peers are installed in: never that of Penstock."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = REPOSITORY / "build" / "peers" / "bin" / "python"
TIMEOUT_S = 900
_VERSIONS = """
import json
from importlib.metadata import version
names = ("nautilus-trader", "vectorbt", "hftbacktest", "numba")
print(json.dumps({name: version(name) for name in names}))
"""


class MeasurementFailed(RuntimeError):
    """A measurement's process ended with an error."""


def peer_versions(python: Path) -> dict[str, str]:
    """What is installed there. MeasurementFailed when nothing is."""
    if not python.exists():
        raise MeasurementFailed(f"{python} does not exist: `make bench-peers` installs the peers")
    return dict(json.loads(_output([str(python), "-c", _VERSIONS])))


def in_process(python: Path | None, module: str, *arguments: str) -> None:
    """Run a module of this package in a new process; without `python` in Penstock's environment."""
    _output([str(python or sys.executable), "-m", f"bench.peers.{module}", *arguments])


def read_result(file: Path) -> dict[str, Any]:
    """What a measurement wrote."""
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _output(command: list[str]) -> str:
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise MeasurementFailed(f"{' '.join(command[1:4])}: exit code {done.returncode}\n{last}")
    return done.stdout
