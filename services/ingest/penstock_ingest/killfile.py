"""The kill switch that needs nothing but a file system: `kill.txt` in the data directory."""

import time
from pathlib import Path

from penstock_contracts.control import Command
from penstock_kernel.ids import make_id

NAME = "kill.txt"
_EXPIRES_NS = 3_600 * 10**9


class KillFile:
    """Turns the file's appearance into one halt command. Removing the file resumes nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._seen = 0

    def look(self) -> Command | None:
        """The halt command for a file that has appeared or was written again; None otherwise."""
        try:
            modified = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if modified == self._seen:
            return None
        self._seen = modified
        now = time.time_ns()
        return Command(
            command_id=make_id("k", str(modified)),
            verb="halt",
            ts_issued=now,
            ts_expires=now + _EXPIRES_NS,
            by="kill-file",
            reason=f"{NAME} appeared in the data directory",
        )
