"""Event time between two marks, for what a live venue says."""

from dataclasses import dataclass

_NS = 1_000_000_000


@dataclass(slots=True)
class EventTime:
    """The last mark and what has passed since, at most to the next grid point; never backwards."""

    grid: int
    mark: int = 0
    _at: float = 0.0
    _last: int = 0

    def marked(self, mark: int, monotonic_s: float) -> None:
        """An interval ended; `monotonic_s` is the clock's reading at its mark's arrival."""
        self.mark, self._at = mark, monotonic_s

    def now(self, monotonic_s: float) -> int:
        """Event time, ns."""
        passed = min(max(int((monotonic_s - self._at) * _NS), 1), self.grid)
        self._last = max(self._last, self.mark + passed)
        return self._last
