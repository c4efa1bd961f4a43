"""Message headers: CloudEvents (binary mode), W3C trace context, and the log's own numbering."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

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
RECEIVED = "penstock-received"
"""Wall time, ns, at which ingest published the datum at the head of the chain: latency is measured from it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who put a message out, as which of its outputs. Commands and claims have no origin."""

    producer: str
    epoch: int
    index: int

    def __str__(self) -> str:
        return f"{self.producer}:{self.epoch}:{self.index}"


_second = (-1, "")


def rfc3339(ns: int) -> str:
    """UTC with nine decimals and `Z`."""
    global _second  # noqa: PLW0603  (one entry of cache: consecutive messages share their second)
    seconds, fraction = divmod(ns, 1_000_000_000)
    if _second[0] != seconds:
        _second = (seconds, datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    return f"{_second[1]}.{fraction:09d}Z"


def numbered(
    type_name: str, origin: Origin, ts: int, *, partition: int, cause: str, config: str, traceparent: str
) -> dict[str, str]:
    """The headers of an output that is the `origin.index`-th of its producer in its epoch."""
    headers = {
        SPEC: "1.0",
        ID: f"{origin.producer}-{origin.epoch}-{origin.index}",
        TYPE: type_name,
        SOURCE: f"/penstock/p{partition}/{origin.producer}",
        TIME: rfc3339(ts),
        PRODUCER: origin.producer,
        EPOCH: str(origin.epoch),
        INDEX: str(origin.index),
        CONFIG: config,
    }
    if cause:
        headers[CAUSE] = cause
    if traceparent:
        headers[TRACEPARENT] = traceparent
    return headers


def origin_of(headers: Mapping[str, str] | None) -> Origin | None:
    """Whose output a message is, or None for an unnumbered one. UnreadableMessage if half of it is there."""
    if not headers or PRODUCER not in headers:
        return None
    try:
        return Origin(headers[PRODUCER], int(headers[EPOCH]), int(headers[INDEX]))
    except (KeyError, ValueError) as error:
        raise UnreadableMessage(f"bad numbering headers: {error}") from error
