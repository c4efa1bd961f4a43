"""How often a venue is asked, and how long it is left alone when it says so or says nothing."""

from collections import deque
from dataclasses import dataclass, field

FIRST_S = 0.05


@dataclass(slots=True)
class Pacer:
    """Counts requests by a monotonic clock, s, which the caller reads."""

    per_second_max: int
    backoff_s_max: float
    _sent: deque[float] = field(default_factory=deque)
    _until: float = 0.0
    _failures: int = 0

    def wait_s(self, now: float) -> float:
        """How long the next request has to wait; 0 if it may go."""
        sent = self._sent
        while sent and sent[0] <= now - 1.0:
            sent.popleft()
        full = sent[0] + 1.0 - now if len(sent) >= self.per_second_max else 0.0
        return max(full, self._until - now, 0.0)

    def backing_off(self, now: float) -> bool:
        """Whether the venue is being left alone."""
        return now < self._until

    def sent(self, now: float) -> None:
        """A request goes out."""
        self._sent.append(now)

    def answered(self) -> None:
        """The venue answers again."""
        self._failures = 0

    def turned_away(self, now: float, retry_after_s: float) -> None:
        """It did not look at a request: stay away as long as it says, and longer each time."""
        self._until = max(self._until, now + max(retry_after_s, self._longer()))

    def failed(self, now: float) -> None:
        """It gave no clear answer: wait a little, and longer each time."""
        self._until = max(self._until, now + self._longer())

    def _longer(self) -> float:
        self._failures += 1
        return min(FIRST_S * 2.0 ** min(self._failures - 1, 20), self.backoff_s_max)
