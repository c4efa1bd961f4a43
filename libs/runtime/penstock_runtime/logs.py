"""Structured logs: one JSON object a line, to stderr or a file."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import TextIO, cast

import structlog


class LogFile:
    """A file that takes whole lines. What it cannot take is dropped and counted: a full disk must not end
    the process that wanted to say so.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
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
        self.dropped = 0 if written == len(line) else self.dropped + 1
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


def configure(service: str, file: Path | None = None) -> None:
    """Set up structlog for this process. Every line names the service."""
    stream = sys.stderr if file is None else cast(TextIO, LogFile(file))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
