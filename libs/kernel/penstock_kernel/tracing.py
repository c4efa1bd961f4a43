"""Trace context, W3C Trace Context level 1, as a function of the log: a restart makes the same ids again.

https://www.w3.org/TR/trace-context-1/#traceparent-header
"""

import re
from functools import lru_cache
from typing import NamedTuple

from penstock_contracts.headers import Origin

from penstock_kernel.ids import span_id, trace_id

SAMPLED = 0x01
_VERSION_0 = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LATER = re.compile(r"(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.DOTALL)


class TraceParent(NamedTuple):
    """What a traceparent says."""

    trace_id: str
    """32 hex digits, not all zero."""
    span_id: str
    """16 hex digits, not all zero."""
    flags: int

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


@lru_cache(maxsize=1024)
def parse(traceparent: str) -> TraceParent | None:
    """The parts of a traceparent, or None when it is malformed. A later version is read as far as known."""
    match = _VERSION_0.fullmatch(traceparent) or _LATER.fullmatch(traceparent)
    if match is None or match[1] == "0" * 32 or match[2] == "0" * 16:
        return None
    # Only the sampled flag is known; the others are not passed on (section 3.2.2.5.2).
    return TraceParent(match[1], match[2], int(match[3], 16) & SAMPLED)


def root(session: str, producer: str, epoch: int, index: int) -> str:
    """The traceparent of an output that begins a trace: the producer's `index`-th of its epoch."""
    trace = trace_id(session, producer, epoch, index)
    return f"00-{trace}-{span_id(trace, producer, epoch, index)}-01"


def child(parent: str, producer: str, epoch: int, index: int) -> str:
    """The traceparent of an output that was caused by a message with `parent`; malformed: a new root."""
    parts = parse(parent)
    if parts is None:
        return root("", producer, epoch, index)
    return f"00-{parts.trace_id}-{span_id(parts.trace_id, producer, epoch, index)}-{parts.flags:02x}"


def derived(session: str, origin: Origin, cause: Origin | None) -> str:
    """The traceparent of a message that carries none: a tick's, or what was made of one.

    Ticks are many and few lead anywhere, so who acts on one derives what it would have said.
    """
    if cause is None:
        return root(session, origin.producer, origin.epoch, origin.index)
    first = root(session, cause.producer, cause.epoch, cause.index)
    return child(first, origin.producer, origin.epoch, origin.index)
