"""The last events, shared by all clients: a client is a place in it, and costs no memory of its own."""

from penstock_api.streaming.channels import Event

EVENTS_MAX = 8_192


class Ring:
    """Keeps the last events. Positions count the events ever added, from 0."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._slots: list[Event | None] = [None] * events_max
        self.end = 0
        """Position of the next event."""
        self.floor = 0
        """Sequence of the last event that is no longer kept; 0 while all are."""

    @property
    def begin(self) -> int:
        """Position of the first event kept."""
        return max(0, self.end - len(self._slots))

    def add(self, event: Event) -> None:
        """Keep an event, in place of the oldest where it is full."""
        slot = self.end % len(self._slots)
        oldest = self._slots[slot]
        if oldest is not None:
            self.floor = oldest.sequence
        self._slots[slot] = event
        self.end += 1

    def at(self, position: int) -> Event:
        """The event at a position between `begin` and `end`."""
        event = self._slots[position % len(self._slots)]
        if event is None or not self.begin <= position < self.end:
            raise IndexError(position)
        return event

    def after(self, sequence: int) -> int | None:
        """Position of the first event after a log sequence; None when events after it are no longer kept."""
        if sequence < self.floor:
            return None
        low, high = self.begin, self.end
        while low < high:
            middle = (low + high) // 2
            if self.at(middle).sequence <= sequence:
                low = middle + 1
            else:
                high = middle
        return low
