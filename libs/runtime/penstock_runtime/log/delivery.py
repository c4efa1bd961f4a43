"""One message as the log delivers it."""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from penstock_contracts import codec, frames, headers, subjects
from penstock_contracts.base import Family, Message
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.headers import Origin

from penstock_runtime.log.past import Raw

_RECEIVED = re.compile(rb"\r\npenstock-received: (\d+)\r\n")
_TIMES = re.compile(rb"\r\npenstock-times: (\d{1,19})-(\d{1,19})\r\n")
_TRACEPARENT = re.compile(rb"\r\ntraceparent: ([0-9a-f-]{55})\r\n")


def received_in(block: bytes) -> int:
    """Wall time, ns, at which the datum that began a message's chain was published; 0 if unknown."""
    match = _RECEIVED.search(block)
    return int(match[1]) if match else 0


def times_in(block: bytes) -> tuple[int, int]:
    """Wall times, ns, when work on a message began and when it was made; zeros where it does not say."""
    match = _TIMES.search(block)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def traceparent_in(block: bytes) -> str:
    """W3C trace context of a message, empty if it carries none."""
    match = _TRACEPARENT.search(block)
    return match[1].decode() if match else ""


@lru_cache(maxsize=4096)
def _parse(subject: str) -> subjects.Subject:
    parsed = subjects.parse(subject)
    if parsed is None:
        raise UnreadableMessage(f"not a subject of the log: {subject[:200]!r}")
    return parsed


def kind_of(subject: str) -> tuple[Family, str]:
    """Family and kind that a subject of the log names. UnreadableMessage for any other subject."""
    parsed = _parse(subject)
    return parsed.family, parsed.kind


@dataclass(slots=True)
class Delivered:
    """A stored message: its place, its envelope, and the bytes of its content."""

    sequence: int
    subject: str
    block: bytes
    """The header block as stored."""
    data: bytes
    origin: Origin | None = None
    count: int = 1
    """How many outputs it stands for: of a frame of our own, taken as a whole, all that it carries."""
    family: Family = field(init=False)
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        parsed = _parse(self.subject)
        self.family = parsed.family
        self.kind = parsed.kind
        if self.origin is None:
            self.origin = headers.origin_in(self.block)

    @staticmethod
    def all_of(raw: Raw) -> "list[Delivered]":
        """A stored message, or all that a frame carries. UnreadableMessage for a broken frame."""
        sequence, _, block, data = raw
        if not frames.is_frame(block):
            return [Delivered(*raw)]
        return [Delivered(sequence, *part) for part in frames.unpack(data, frames.count_in(block))]

    @staticmethod
    def last_of(raw: Raw) -> "Delivered":
        """A stored message, or of a frame the last that it carries. UnreadableMessage for a broken frame."""
        sequence, _, block, data = raw
        if not frames.is_frame(block):
            return Delivered(*raw)
        return Delivered(sequence, *frames.unpack(data, frames.count_in(block))[-1])

    @property
    def major(self) -> int:
        """Major version of the message's type."""
        return _parse(self.subject).major

    @property
    def headers(self) -> dict[str, str]:
        """All headers, parsed anew at each call."""
        return headers.parse(self.block)

    @property
    def received_ns(self) -> int:
        """Wall time at which the datum that began this chain was published; 0 if unknown."""
        return received_in(self.block)

    def decode(self) -> Message:
        """The message. UnreadableMessage when it cannot be read."""
        parsed = _parse(self.subject)
        return codec.decode(parsed.family, parsed.kind, parsed.major, self.data)
