"""What may be believed of a Sharpe ratio, and of the best of many.

Probabilistic and deflated Sharpe ratio: Bailey and López de Prado (2014), "The Deflated Sharpe Ratio".
Interval: the stationary bootstrap of Politis and Romano (1994), its mean block length the cube root of the
number of returns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

EULER = 0.5772156649015329
RESAMPLES = 2000
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Significance:
    """Of one run among `trials`. Sharpe ratios are of one period, not annualised."""

    trials: int
    sharpe: float | None
    sharpe_low: float | None
    """Lower end of the 95 % interval."""
    sharpe_high: float | None
    probabilistic: float | None
    """Probability that the true Sharpe ratio is above 0."""
    deflated: float | None
    """Probability that it is above what the best of so many worthless trials would have shown."""


def significance(
    returns: Sequence[float], trials: int = 1, sharpes: Sequence[float] = (), seed: int = 1
) -> Significance:
    """From the run's returns, the number of trials, and the Sharpe ratios of all of them."""
    sharpe = sharpe_of(returns)
    if sharpe is None:
        return Significance(trials, None, None, None, None, None)
    low, high = bootstrap(returns, seed)
    best = expected_best(trials, sharpes)
    return Significance(
        trials,
        sharpe,
        low,
        high,
        probability_above(returns, 0.0),
        None if best is None else probability_above(returns, best),
    )


def sharpe_of(returns: Sequence[float]) -> float | None:
    """Mean over standard deviation; None for fewer than two returns, or when they do not vary."""
    count = len(returns)
    if count < 2:
        return None
    mean = math.fsum(returns) / count
    deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in returns) / (count - 1))
    return mean / deviation if deviation > 0 else None


def probability_above(returns: Sequence[float], benchmark: float) -> float | None:
    """The probabilistic Sharpe ratio: that the true one lies above `benchmark`."""
    sharpe, count = sharpe_of(returns), len(returns)
    if sharpe is None or count < 3:
        return None
    mean = math.fsum(returns) / count
    second, third, fourth = (
        math.fsum((each - mean) ** power for each in returns) / count for power in (2, 3, 4)
    )
    skewness, kurtosis = third / second**1.5, fourth / second**2
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if variance <= 0:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(count - 1) / math.sqrt(variance))


def expected_best(trials: int, sharpes: Sequence[float]) -> float | None:
    """The Sharpe ratio that the best of so many worthless trials is expected to show."""
    if trials <= 1:
        return 0.0
    count = len(sharpes)
    if count < 2:
        return None
    mean = math.fsum(sharpes) / count
    deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in sharpes) / (count - 1))
    first, second = _NORMAL.inv_cdf(1 - 1 / trials), _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return deviation * ((1 - EULER) * first + EULER * second)


def bootstrap(returns: Sequence[float], seed: int = 1, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of the Sharpe ratio."""
    values = np.asarray(returns, dtype=np.float64)
    count = len(values)
    rng = np.random.Generator(np.random.PCG64(seed))
    ends = 1 / max(round(count ** (1 / 3)), 1)
    found = []
    for _ in range(resamples):
        jumps = rng.random(count) < ends
        jumps[0] = True
        starts = rng.integers(count, size=count)
        at = np.flatnonzero(jumps)
        block = np.repeat(at, np.diff(np.append(at, count)))
        drawn = values[(starts[block] + np.arange(count) - block) % count]
        deviation = drawn.std(ddof=1)
        if deviation > 0:
            found.append(drawn.mean() / deviation)
    low, high = np.quantile(found, (0.025, 0.975)) if found else (math.nan, math.nan)
    return float(low), float(high)
