"""All feeds of one instrument as one sequence of rows, by event time, then by the order of the feeds."""

from penstock_contracts.base import Message
from penstock_contracts.instrument import Instrument

from penstock_ingest.feed import Feed


class Line:
    """The merged rows of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.feeds: list[Feed] = []

    def next_time(self) -> int | None:
        """Event time of the next row of any feed."""
        if len(self.feeds) == 1:
            return self.feeds[0].next_time()
        return min((ts for feed in self.feeds if (ts := feed.next_time()) is not None), default=None)

    def read_until(self, until: int) -> list[Message]:
        """All rows of event time up to `until`."""
        if len(self.feeds) == 1:
            return self.feeds[0].read_until(until)
        messages: list[Message] = []
        while (found := self._first()) is not None and found[0] <= until:
            first = found[1]
            # A feed may run until another's next row; the earlier feed goes first at the same time.
            bounds = [
                ts - (at < first)
                for at, feed in enumerate(self.feeds)
                if at != first and (ts := feed.next_time()) is not None
            ]
            messages += self.feeds[first].read_until(min([until, *bounds]))
        return messages

    def _first(self) -> tuple[int, int] | None:
        """(event time, number of the feed) of the next row."""
        times = ((feed.next_time(), at) for at, feed in enumerate(self.feeds))
        return min(((ts, at) for ts, at in times if ts is not None), default=None)
