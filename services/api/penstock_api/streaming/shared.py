"""What is sent: frames. Those that several clients want at the same moment are made once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

KEPT = 32
"""Frames kept for others. A client that comes later, because it reads slowly, has its own made."""


@dataclass(slots=True)
class Frame:
    """A JSON object to be sent as one, and the log's sequence when it was made."""

    text: str
    sequence: int
    kind: str
    whole: bool = False
    """Whether a client that has it has everything up to its sequence, and may go on from there."""
    _event: bytes = field(default=b"", repr=False)

    @property
    def event(self) -> bytes:
        """As a server-sent event, made once."""
        if not self._event:
            # Browsers come back with the last id: only what they may go on from has one.
            place = f"id: {self.sequence}\n" if self.whole else ""
            self._event = f"event: {self.kind}\n{place}data: {self.text}\n\n".encode()
        return self._event


class Shared:
    """The frames that were made last, by what they hold."""

    def __init__(self, kept: int = KEPT) -> None:
        self._frames: OrderedDict[Hashable, Frame | None] = OrderedDict()
        self._kept = kept
        self.made = 0
        """Frames made so far; those that were taken again are not among them."""

    def get(self, key: Hashable, make: Callable[[], Frame | None]) -> Frame | None:
        """The frame under a key, made if it is not there; None where there is nothing to send."""
        if key not in self._frames:
            self._frames[key] = make()
            self.made += 1
            if len(self._frames) > self._kept:
                self._frames.popitem(last=False)
        return self._frames[key]
