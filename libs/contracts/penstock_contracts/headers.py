"""Message headers: CloudEvents (binary mode), W3C trace context, and the log's own numbering."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from penstock_contracts.errors import UnreadableMessage

ID = "ce-id"
TYPE = "ce-type"
SOURCE = "ce-source"
TIME = "ce-time"
SPEC = "ce-specversion"
TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
PRODUCER = "penstock-producer"
EPOCH = "penstock-epoch"
INDEX = "penstock-index"
CAUSE = "penstock-cause"
CONFIG = "penstock-config"
SOURCE_STREAM = "Nats-Stream-Source"
"""Set by the server on what a stream takes from another: its name, the sequence there, and more."""
RECEIVED = "penstock-received"
"""Wall time, ns, at which ingest published the datum at the head of the chain; latency counts from it."""
PARENT = "penstock-parent"
"""Span id of what a message with a traceparent follows from; none begins a trace."""
TIMES = "penstock-times"
"""Wall times, ns, `<from>-<to>`: when work on the message began, and when the message was made."""
TRAIL = "penstock-trail"
"""What led to a message that is the first of its trace to carry a context, the latest first, `; ` between:
`<subject or -> <producer>:<epoch>:<index> <times>`. Ticks carry no context: who acts on one tells of it."""
LINK = "penstock-link"
"""The traceparent of something else that led to a message: the tick that filled an order, say."""


@dataclass(slots=True)  # nobody edits one; not frozen, for building a frozen one costs three times as much
class Origin:
    """Who put a message out, as which of its outputs. Commands and claims have no origin."""

    producer: str
    epoch: int
    index: int

    def __str__(self) -> str:
        return f"{self.producer}:{self.epoch}:{self.index}"


@lru_cache(maxsize=1024)  # what ends an interval has its time, whoever says it
def rfc3339(ns: int) -> str:
    """UTC with nine decimals and `Z`."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    return f"{_to_the_second(seconds)}.{fraction:09d}Z"


@lru_cache(maxsize=256)  # messages of one mark share their second, and many marks are on their way at once
def _to_the_second(seconds: int) -> str:
    day, second = divmod(seconds, 86_400)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return f"{_date(day)}T{hour:02d}:{minute:02d}:{second:02d}"


@lru_cache(maxsize=16)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")


class Numbering:
    """Header blocks of one producer's outputs of one type in one epoch: what they share is written once."""

    __slots__ = ("_after_id", "_after_index", "_after_time", "_head")

    def __init__(self, type_name: str, producer: str, epoch: int, *, partition: int, config: str) -> None:
        self._head = f"NATS/1.0\r\n{PRODUCER}: {producer}\r\n{EPOCH}: {epoch}\r\n{INDEX}: "
        self._after_index = f"\r\n{SPEC}: 1.0\r\n{ID}: {producer}-{epoch}-"
        self._after_id = f"\r\n{TYPE}: {type_name}\r\n{SOURCE}: /penstock/p{partition}/{producer}\r\n{TIME}: "
        self._after_time = f"\r\n{CONFIG}: {config}\r\n"

    def block(
        self,
        index: int,
        ts: int,
        *,
        cause: str = "",
        traceparent: str = "",
        received: int = 0,
        times: str = "",
        parent: str = "",
        trail: str = "",
        link: str = "",
    ) -> bytes:
        """The header block of the `index`-th output; `ts` is its event time in ns."""
        text = f"{self._head}{index}{self._after_index}{index}{self._after_id}{rfc3339(ts)}{self._after_time}"
        if cause:
            text += f"{CAUSE}: {cause}\r\n"
        if traceparent:
            text += f"{TRACEPARENT}: {traceparent}\r\n"
        if received:
            text += f"{RECEIVED}: {received}\r\n"
        if times:
            text += f"{TIMES}: {times}\r\n"
        if parent:
            text += f"{PARENT}: {parent}\r\n"
        if trail:
            text += f"{TRAIL}: {trail}\r\n"
        if link:
            text += f"{LINK}: {link}\r\n"
        return (text + "\r\n").encode()


def numbered(
    type_name: str,
    origin: Origin,
    ts: int,
    *,
    partition: int,
    config: str,
    cause: str = "",
    traceparent: str = "",
    received: int = 0,
) -> bytes:
    """The header block of a single output that is the `origin.index`-th of its producer in its epoch."""
    numbering = Numbering(type_name, origin.producer, origin.epoch, partition=partition, config=config)
    return numbering.block(origin.index, ts, cause=cause, traceparent=traceparent, received=received)


def unnumbered(type_name: str, identity: str, ts: int, *, partition: int, source: str) -> bytes:
    """The header block of a control message, which has no number."""
    return (
        f"NATS/1.0\r\n{SPEC}: 1.0\r\n{ID}: {identity}\r\n{TYPE}: {type_name}\r\n"
        f"{SOURCE}: /penstock/p{partition}/{source}\r\n{TIME}: {rfc3339(ts)}\r\n\r\n"
    ).encode()


def parse(block: bytes) -> dict[str, str]:
    """The headers of a block, names as written. Status lines and anything without a colon are skipped."""
    headers = {}
    for line in block.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            headers[name.decode("utf-8", "replace")] = value.strip().decode("utf-8", "replace")
    return headers


def source_sequence(headers: Mapping[str, str], stream: str) -> int | None:
    """Where a message that one stream took from another lay in that; None if it did not come from there."""
    name, _, rest = headers.get(SOURCE_STREAM, "").partition(" ")
    sequence = rest.partition(" ")[0]
    return int(sequence) if name.partition(":")[0] == stream and sequence.isdecimal() else None


_NUMBER = r"[0-9]{1,18}"
_NUMBERING = re.compile(rf"([A-Za-z0-9_.-]{{1,80}}):({_NUMBER}):({_NUMBER})")
_ORIGIN = re.compile(
    rf"\r\n{PRODUCER}: ([A-Za-z0-9_.-]{{1,80}})\r\n{EPOCH}: ({_NUMBER})\r\n{INDEX}: ({_NUMBER})\r\n".encode()
)


def origin_in(block: bytes) -> Origin | None:
    """Whose output a message is, from its header block as this version writes it, or as any may."""
    match = _ORIGIN.search(block)
    if match is not None:
        return Origin(match[1].decode(), int(match[2]), int(match[3]))
    return origin_of(parse(block)) if b"penstock-" in block else None


_CAUSE = re.compile(rf"\r\n{CAUSE}: ([A-Za-z0-9_.-]{{1,80}}):({_NUMBER}):({_NUMBER})\r\n".encode())


def cause_in(block: bytes) -> Origin | None:
    """Which output a message follows from, by its header block; None when it names none."""
    match = _CAUSE.search(block)
    return Origin(match[1].decode(), int(match[2]), int(match[3])) if match is not None else None


def origin_of(headers: Mapping[str, str] | None) -> Origin | None:
    """Whose output a message is, or None for an unnumbered one. UnreadableMessage if half of it is there."""
    if not headers or not (PRODUCER in headers or EPOCH in headers or INDEX in headers):
        return None
    written = f"{headers.get(PRODUCER, '')}:{headers.get(EPOCH, '')}:{headers.get(INDEX, '')}"
    match = _NUMBERING.fullmatch(written)
    if match is None:
        raise UnreadableMessage(f"bad numbering headers: {written[:200]!r}")
    return Origin(match[1], int(match[2]), int(match[3]))
