"""Structured logs: one JSON object a line, to stderr or a file."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import TextIO, cast

import structlog

FILE_BYTES_MAX = 16 << 20
"""A larger log file is put aside."""
OLD_FILES_MAX = 3
"""So many that were put aside are kept of each."""


class LogFile:
    """A file that takes whole lines. What it cannot take is dropped and counted: a full disk must not end
    the process that wanted to say so.

    One that has become too large is put aside, in `old/`, where the last few are kept.
    """

    def __init__(self, path: Path, *, bytes_max: int = FILE_BYTES_MAX, kept: int = OLD_FILES_MAX) -> None:
        self._path = path
        self._bytes_max = bytes_max
        self._kept = kept
        self._descriptor = self._open()
        self._size = os.fstat(self._descriptor).st_size
        self.dropped = 0
        """Lines since the last one that was written."""

    def write(self, text: str) -> int:
        """Append a line, after one that tells how many were dropped before it."""
        line = text.encode()
        if self.dropped:
            line = json.dumps({"event": "lines_dropped", "count": self.dropped}).encode() + b"\n" + line
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):  # the last bytes of a disk: half a line is none
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        except OSError:
            written = 0
        self._size += written
        if self._size > self._bytes_max:
            self._put_aside()
        self.dropped = 0 if written == len(line) else self.dropped + 1
        return len(text)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def _put_aside(self) -> None:
        try:
            put_aside(self._path, self._kept)
            renewed = self._open()
        except OSError:
            self._size = 0  # tried again after as much more: a line that is written beats a tidy folder
            return
        os.close(self._descriptor)
        self._descriptor, self._size = renewed, 0

    def flush(self) -> None:
        """Nothing is kept back."""


_JSON = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())


def put_aside(file: Path, kept: int = OLD_FILES_MAX) -> None:
    """Move a file to `old/<stem>.1<suffix>` beside it, what is there one number on, the oldest away."""
    old = file.parent / "old"
    old.mkdir(exist_ok=True)
    for number in range(kept - 1, 0, -1):
        before = old / f"{file.stem}.{number}{file.suffix}"
        if before.exists():
            before.replace(old / f"{file.stem}.{number + 1}{file.suffix}")
    file.replace(old / f"{file.stem}.1{file.suffix}")


def configure(service: str, file: Path | None = None, level: str = "info") -> None:
    """Set up structlog for this process: JSON lines, each naming the service; words at a terminal."""
    stream = sys.stderr if file is None else cast(TextIO, LogFile(file))
    words = file is None and sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.dev.ConsoleRenderer()] if words else _JSON),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
