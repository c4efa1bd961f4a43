"""Looks at the disk below the log of a stack, whose server runs elsewhere: its volume is mounted here."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from penstock_runtime.asking import answer
from penstock_runtime.errors import Unavailable
from penstock_runtime.log import Log

from penstock.launch.disks import DISK, FULL_BYTES, LOW_BYTES, MEBIBYTE, ROOM_BYTES, STILL_S
from penstock.launch.notes import Notes


@dataclass(slots=True)
class StoreWatch:
    """Says when the log's disk is nearly full, and when the log stands still for it."""

    log: Log
    folder: Path
    notes: Notes
    _last: int = -1
    _moved_at: float = field(default_factory=time.monotonic)

    async def look(self) -> None:
        """Look once."""
        free = _free(self.folder)
        still_s = await self._still_s()
        if free is None:
            return
        if free < FULL_BYTES and still_s > STILL_S:
            self.notes.begin(
                DISK,
                f"the log's disk is full and nothing trades: free at least {ROOM_BYTES // MEBIBYTE} MiB of "
                "it, then `docker compose restart nats`: its server writes again only after that",
                stops=True,
            )
        elif free < LOW_BYTES:
            self.notes.begin(
                DISK,
                f"the log's disk is nearly full (less than {LOW_BYTES // MEBIBYTE} MiB): then nothing trades",
            )
        else:
            self.notes.end(DISK, "there is space again below the log")

    async def _still_s(self) -> float:
        now = time.monotonic()
        try:
            last = await answer(self.log.last_sequence())
        except Unavailable:
            last = self._last
        if last != self._last:
            self._last, self._moved_at = last, now
        return now - self._moved_at


def _free(folder: Path) -> int | None:
    """Bytes that can be written there; None where it is not mounted."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
