"""The kill switch that needs nothing but a file system: `kill.txt` in the data directory."""

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
        self.present = False
        """Whether the file was there at the last look."""

    def look(self, now_ns: int) -> Command | None:
        """The halt command for a file that has appeared or was written again since; `now_ns` is wall time."""
        try:
            modified = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            self.present = False
            return None
        self.present = True
        if modified == self._seen:
            return None
        self._seen = modified
        return Command(
            command_id=make_id("k", str(modified)),
            verb="halt",
            ts_issued=now_ns,
            ts_expires=now_ns + _EXPIRES_NS,
            by="kill-file",
            reason=f"{NAME} appeared in the data directory",
        )
