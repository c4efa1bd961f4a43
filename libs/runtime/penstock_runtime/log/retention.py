"""How far behind a place in the log is, as a share of what the log keeps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from penstock_runtime.log.streams import ROOM_BYTES

if TYPE_CHECKING:
    from penstock_runtime.log.connection import Log

GONE = float("inf")


@dataclass(frozen=True, slots=True)
class Kept:
    """What a log holds, and how much it may."""

    first: int
    """Log sequence of the first message; one above the last where there is none."""
    last: int
    messages: int
    bytes: int
    bytes_max: int
    """0: no limit. What is more leaves the log once it is archived."""
    age_max_s: float
    """Older than that it leaves the log once it is archived."""

    @staticmethod
    def of(info: StreamInfo, age_max_s: float) -> "Kept":
        """What the server says of the log, and the age that it is to keep."""
        state, config = info.state, info.config
        return Kept(
            first=state.first_seq,
            last=state.last_seq,
            messages=state.messages,
            bytes=state.bytes,
            bytes_max=max((config.max_bytes or 0) - ROOM_BYTES, 0),
            age_max_s=age_max_s,
        )

    def share_of_bytes(self, place: int, last: int = 0) -> float:
        """What lies after a place, of the bytes that the log keeps; `last` may be newer than this."""
        if place + 1 < self.first:
            return GONE
        if not self.bytes_max or not self.messages:
            return 0.0
        return max(0, max(last, self.last) - place) * (self.bytes / self.messages) / self.bytes_max

    def share_of_age(self, age_s: float) -> float:
        """An age, of the age that the log keeps."""
        return age_s / self.age_max_s

    def due(self, place: int, age_s: float, share: float) -> int:
        """How far a place must move for less than `share` of what the log keeps to lie after it.

        `age_s` is the age of the message after the place; those after it are taken to be spread evenly up to
        now. The place itself where nothing is due.
        """
        waiting = self.last - place
        by_bytes, by_age = self.share_of_bytes(place), self.share_of_age(age_s)
        most = max(by_bytes, by_age)
        if waiting <= 0 or most <= share:
            return place
        return min(self.last, place + max(1, int(waiting * (1 - share / most))))


async def age_of(log: "Log", sequence: int) -> float:
    """How long ago a message was stored, s; 0 where there is none yet, or no more."""
    try:
        stored = await log.js.get_msg(log.stream, sequence)
    except NotFoundError:
        return 0.0
    if stored.time is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - stored.time).total_seconds())
