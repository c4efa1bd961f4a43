"""Orders' traces to a collector, from the log as it is recorded: trading does nothing for it.

Spans leave when the transaction that holds their messages is committed. After a restart those of the last
messages leave once more, with the same ids: what was on its way when the recorder died is not lost.
"""

import time
from typing import TYPE_CHECKING

import structlog
from penstock_contracts.base import Family, Message
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log import Delivered, Log
from penstock_runtime.metrics.tally import Tally
from penstock_runtime.otel import Otel
from penstock_runtime.tracing.reading import recall
from penstock_runtime.tracing.spans import Assembler, Span, recorded

if TYPE_CHECKING:
    from penstock_runtime.tracing.export import Exporting

_log = structlog.get_logger(__name__)

TRACED: frozenset[Family] = frozenset(("sig", "ord", "ven"))
"""Families of which there may be a span; ticks are many, and those that matter are told of by signals."""
RECALLED = 2_000
"""Log sequences before its place that a restarted recorder looks at again."""
_WRITTEN = frozenset({"risk.approve", "venue.fill"})
"""Spans that the recorder's transaction is told with."""


def tracer() -> "Tracer | None":
    """The tracer that the environment asks for; None where it asks for none."""
    settings = Otel()
    if not settings.wants("traces"):
        return None
    from penstock_runtime.tracing.export import exporting  # noqa: PLC0415  (a quarter of the recorder's memory)

    return Tracer(exporting(settings))


class Tracer:
    """Collects the spans of what is recorded, and hands them on when it is committed."""

    def __init__(self, exporting: "Exporting") -> None:
        self._exporting = exporting
        self._assembler = Assembler()
        self._waiting: list[Span] = []

    async def begin(self, log: Log, place: int) -> None:
        """Go on after a log sequence: the recorder's place."""
        self._assembler, self._waiting = Assembler(), []
        try:
            first = max(await log.genesis(), place - RECALLED)
            if place > first:
                self._exporting.emit(await recall(log, self._assembler, first, place))
        except RuntimeFailure as error:
            # Recording goes on: an order whose signal lies before the place is traced from its approval on.
            _log.warning("traces_not_recalled", error=str(error))

    def take(self, delivered: Delivered, message: Message) -> None:
        """Take the next message of the log."""
        self._waiting += self._assembler.take(delivered, message)

    def drain(self) -> list[Span]:
        """The spans of what was taken since the last drain: for `committed`, once it is."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def committed(self, spans: list[Span], start_ns: int) -> None:
        """Export spans whose messages are written, in a transaction that began then."""
        now = time.time_ns()
        for span in spans:
            self._exporting.emit((span,))
            if span.name in _WRITTEN:
                self._exporting.emit((recorded(span, start_ns, now),))

    def tell(self, tally: Tally) -> None:
        """Say how many spans left, and how many were lost."""
        tally.tell("penstock_spans_total", value=self._exporting.emitted)
        tally.tell("penstock_spans_dropped_total", value=self._exporting.dropped)

    def close(self) -> None:
        """Deliver what waits, if that is soon done."""
        self._exporting.close()
