"""Structured logs: one JSON object a line, to stderr or a file."""

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog


def configure(service: str, file: Path | None = None) -> None:
    """Set up structlog for this process. Every line names the service."""
    stream: TextIO = sys.stderr if file is None else file.open("a", buffering=1, encoding="utf-8")
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
