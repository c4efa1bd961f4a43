"""What snapshots cost: a replay with the default interval between them, and one without any, in turns.

The month of bars through fused services as fast as they follow: there the stages' own time is the largest
part of the whole, and a snapshot takes it from nobody else. Each pair gives one ratio of marks a second; its
members change places from pair to pair, so that a machine that gets slower or faster favours neither.
"""

import math
from pathlib import Path

from bench import stored
from bench.figures import Figure, of_repeats
from bench.market import first_bars, month
from bench.session import run
from bench.sessions import OPEN

COST_PERCENT = 2.0
NEVER_S = 1e9
PAIRS = 8


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Percent of the throughput that snapshots take, the median of the pairs."""
    file, what = month(folder)
    part = first_bars(file, folder / "btc-perp-1m.csv.gz", 6_000 if quick else 45_031)
    costs, rates = [], []
    for number in range(1 if quick else PAIRS):
        order = (True, False) if number % 2 else (False, True)
        pair = {taken: _marks_per_s(part, folder / f"{number}-{taken}", taken=taken) for taken in order}
        rates.append((pair[True], pair[False]))
        costs.append(100 * (1 - pair[True] / pair[False]))
    details = {"marks_per_s_with_and_without": rates, "bars": what, "standard_error": _standard_error(costs)}
    return [of_repeats("snapshots, share of throughput", costs, "%", "below", COST_PERCENT, **details)]


def _marks_per_s(bars: Path, folder: Path, *, taken: bool) -> float:
    more = {} if taken else {"PENSTOCK_SNAPSHOT_INTERVAL_S": str(NEVER_S)}
    run(["--source", f"replay:{bars}", "--speed", "max", "--fused", *OPEN], folder, environment=more)
    facts = stored.read(folder)
    return (facts.marks - 1) / (facts.last_mark_s - facts.first_mark_s)


def _standard_error(values: list[float]) -> float | None:
    """Of the mean; None for fewer than two."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(sum((each - mean) ** 2 for each in values) / (len(values) - 1) / len(values))
