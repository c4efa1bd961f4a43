"""What the machine has left: processor, memory, disk; and what the session takes of the disk."""

import asyncio
import shutil
import time
from pathlib import Path

import psutil

from penstock.launch.cleaning import size_of
from penstock.launch.figures import Machine

SIZE_EVERY_S = 15.0
"""How often the session's folder is measured: it may have many files."""


class MachineWatch:
    """Looks, at most once a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._size = 0
        self._size_at = float("-inf")

    async def look(self) -> Machine:
        """As it is now; 0 bytes of disk where the folder is gone."""
        now = time.monotonic()
        if now - self._size_at > SIZE_EVERY_S:
            self._size_at = now
            self._size = await asyncio.to_thread(size_of, self._folder)
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError:
            free = 0
        return Machine(
            cpu_share=psutil.cpu_percent() / 100,
            memory_free_bytes=psutil.virtual_memory().available,
            disk_free_bytes=free,
            session_bytes=self._size,
        )
