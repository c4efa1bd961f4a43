"""Latency percentiles in constant memory: logarithmic buckets two per cent wide."""

import math
from bisect import bisect_left
from collections import Counter

_STEP = math.log(1.02)


class LatencyHistogram:
    """Counts durations in microseconds."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self._sum_us = 0.0

    def add(self, duration_us: float) -> None:
        """Count one duration; below one microsecond counts as one."""
        self._buckets[round(math.log(max(duration_us, 1.0)) / _STEP)] += 1
        self.count += 1
        self._sum_us += duration_us

    def percentile(self, share: float) -> float | None:
        """The duration in microseconds below which `share` (0..1) of all lie; None when there are none."""
        if not self.count:
            return None
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return math.exp(bucket * _STEP)
        return math.exp(max(self._buckets) * _STEP)

    def distribution(self, bounds_s: tuple[float, ...]) -> dict[str, object]:
        """Counts per bucket, with what lies above the last bound, and the sum; as JSON values, in seconds."""
        counts = [0] * (len(bounds_s) + 1)
        for bucket, count in self._buckets.items():
            counts[bisect_left(bounds_s, math.exp(bucket * _STEP) / 1e6)] += count
        return {"counts": counts, "sum_s": self._sum_us / 1e6}
