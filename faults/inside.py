"""What runs inside the services under test: a probe that survives their death, and planted faults."""

import mmap
import os
import struct
from pathlib import Path
from typing import Any

LAYOUT = struct.Struct("<qqq")
"""Process id, number of the last output made, number of the last output confirmed."""


def install(probe: str, plant: str) -> None:
    """Put the probe into the writers of this process, and the planted fault where it belongs."""
    if probe:
        _install_probe(Path(probe))
    if plant:
        from faults.planted import PLANTS  # noqa: PLC0415  (only processes with a fault load it)

        PLANTS[plant].plant()


def _install_probe(file: Path) -> None:
    from penstock_runtime.log.writer import NumberedWriter  # noqa: PLC0415  (after the path is set up)

    with file.open("w+b") as opened:
        opened.write(bytes(LAYOUT.size))
        opened.flush()
        shared = mmap.mmap(opened.fileno(), LAYOUT.size)
    pid, put, read_back = os.getpid(), NumberedWriter.put, NumberedWriter.read_back

    def probed_put(self: NumberedWriter, *arguments: Any, **options: Any) -> Any:
        made = put(self, *arguments, **options)
        LAYOUT.pack_into(shared, 0, pid, self.made, self.confirmed)
        return made

    def probed_read_back(self: NumberedWriter, delivered: Any) -> None:
        read_back(self, delivered)
        LAYOUT.pack_into(shared, 0, pid, self.made, self.confirmed)

    NumberedWriter.put = probed_put  # type: ignore[method-assign]
    NumberedWriter.read_back = probed_read_back  # type: ignore[method-assign]


def unconfirmed(file: Path) -> int:
    """How many outputs the process that wrote this probe last had made and not seen confirmed."""
    if not file.exists() or file.stat().st_size < LAYOUT.size:
        return 0
    _, made, confirmed = LAYOUT.unpack(file.read_bytes()[: LAYOUT.size])
    return max(0, int(made) - int(confirmed))
