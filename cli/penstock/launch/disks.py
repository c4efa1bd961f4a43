"""Looks after the disks below the log and the database while a session runs.

A log that cannot store stops everything by itself: an output that is not in the log was not made, and no
stage goes on without the others. What is left to do is to say so, and to start nats-server again once there
is space: it never writes again to a stream that had a write error.
"""

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from penstock_runtime.asking import answer
from penstock_runtime.board import Board
from penstock_runtime.errors import Halt, Unavailable
from penstock_runtime.log import Log

from penstock.launch.notes import Notes
from penstock.launch.servers import Servers

MEBIBYTE = 1 << 20
LOW_BYTES = 256 * MEBIBYTE
"""Less than this is worth a warning."""
FULL_BYTES = 4 * MEBIBYTE
"""Less than this, and a log that stands still, is a full disk."""
ROOM_BYTES = 16 * MEBIBYTE
"""With so much the log's server is started again."""
LOOK_S = 0.5
STILL_S = 3.0
"""For so long the log must have stored nothing."""

DISK, AWAY = "disk", "database"


@dataclass(slots=True)
class DiskWatch:
    """Watches until cancelled."""

    log: Log
    servers: Servers
    board: Board
    notes: Notes
    _full: bool = False
    """The log cannot store."""
    _last: int = -1
    _moved_at: float = field(default_factory=time.monotonic)
    _renewed_at: float = float("-inf")

    async def run(self) -> None:
        """Look twice a second. Halt when the log was deleted under the session."""
        while True:
            await self._look()
            self._database()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        folder = self.servers.nats.store_dir
        if not folder.exists():
            raise Halt(f"the log's folder is gone: {folder}; what the session holds in memory is no log")
        free = _free(folder)
        still_s = await self._still_s()
        if free < FULL_BYTES and still_s > STILL_S:
            self._full = True
            self.notes.begin(
                DISK,
                f"the log's disk is full and nothing trades: free at least {ROOM_BYTES // MEBIBYTE} MiB at "
                f"{folder}, and the session goes on by itself",
                stops=True,
            )
        elif self._full:
            if free >= ROOM_BYTES:
                self._revive(still_s)
        elif free < LOW_BYTES:
            self.notes.begin(
                DISK,
                f"less than {LOW_BYTES // MEBIBYTE} MiB are free at {folder}: once it is full nothing trades",
            )
        else:
            self.notes.end(DISK, f"there is space again at {folder}")

    def _revive(self, still_s: float) -> None:
        now = time.monotonic()
        if still_s < STILL_S:
            self._full = False
            self.notes.end(DISK, "the log stores again; the session goes on")
        elif now - self._renewed_at > 2 * STILL_S and self.servers.nats.running:
            self._renewed_at = now
            self.servers.log_keeper.renew()

    async def _still_s(self) -> float:
        """For how long the log was seen to store nothing."""
        now = time.monotonic()
        try:
            last = await answer(self.log.last_sequence())
        except Unavailable:
            last = self._last
        if last != self._last:
            self._last, self._moved_at = last, now
        return now - self._moved_at

    def _database(self) -> None:
        if self.board.view("recorder").get("database") != "away":
            self.notes.end(AWAY, "the database takes what the recorder writes; it catches up from the log")
            return
        folder = self.servers.postgres.directory
        if _free(folder) < FULL_BYTES:
            why = f"its disk is full: free some space at {folder}"
        else:
            why = f"it does not answer, see {self.servers.postgres.log_path}"
        self.notes.begin(
            AWAY,
            f"the recorder waits for the database: {why}; trading goes on, the log keeps what is missing",
        )


def _free(folder: Path) -> int:
    """Bytes that can be written where the folder is; 0 where it is gone."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
