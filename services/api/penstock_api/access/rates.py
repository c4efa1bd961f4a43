"""How often somebody may ask: a bucket of permits for each caller, filled at a steady rate."""

from collections import OrderedDict

_CALLERS_MAX = 10_000


class Rates:
    """Buckets of one size and rate."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By caller: permits left, and when that was so. Those who asked last are kept."""

    def take(self, who: str, now_s: float) -> float:
        """Take a permit; returns 0, or the seconds until there is one. `now_s` never goes back."""
        left, then = self._buckets.pop(who, (float(self._burst), now_s))
        left = min(self._burst, left + (now_s - then) * self._per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[who] = (left if wait_s else left - 1, now_s)
        if len(self._buckets) > _CALLERS_MAX:
            self._buckets.popitem(last=False)
        return wait_s
