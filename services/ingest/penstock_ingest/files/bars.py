"""How long bars are, and which end of a bar its time is."""

from pathlib import Path

import numpy as np
from penstock_kernel.grid import NS_PER_DAY, NS_PER_SECOND

from penstock_ingest.errors import FileError
from penstock_ingest.files.layout import END_NAMES, START_NAMES, normal
from penstock_ingest.scale import Ints

_ROUND = (3600 * NS_PER_SECOND, NS_PER_DAY)
_BARS_PER_ROUND_MIN = 12
_LAST_INSTANTS = (1, 10**3, 10**6, 10**9)
"""How long before its end a bar's last instant is written, ns: by the unit of the times."""


def interval_of_bars(file: Path, ts: Ints, named: int | None) -> int:
    """The most frequent distance of two bars, ns; where there are too few, what the file's name says."""
    steps = np.diff(np.unique(ts[ts >= 0]))
    if len(steps):
        values, counts = np.unique(steps, return_counts=True)
        return int(values[np.argmax(counts)])
    if named is None:
        raise FileError(file, "one bar does not tell its length", "set ingest.bar_interval, as in 1m")
    return named


def stamped_at(column: str, ts: Ints, interval: int, setting: str) -> tuple[str, str]:
    """`start` or `end`, and what was assumed (nothing when it was set or the column's name says it).

    A name that says neither leaves the data: recordings begin at a round time, so bars whose first time is
    one interval after a full hour (a day where an hour has fewer than twelve bars) are stamped at their end.
    Everything else is stamped at the start, as exchanges do.
    """
    if setting != "auto":
        return setting, ""
    name = normal(column)
    if name in START_NAMES:
        return "start", ""
    if name in END_NAMES:
        return "end", ""
    first = int(ts[ts >= 0].min())
    whole = next((each for each in _ROUND if each // interval >= _BARS_PER_ROUND_MIN), None)
    if whole is not None and (first - interval) % whole == 0:
        return "end", f"column {column} is the end of a bar: the first is one bar after a round time"
    return "start", f"column {column} is the start of a bar"


def bar_ends(ts: Ints, interval: int, stamped: str) -> Ints:
    """Ends of the bars, ns; -1 stays. An end given as the last instant inside a bar becomes its end."""
    if stamped == "start":
        return np.where(ts < 0, ts, ts + interval)
    phases, counts = np.unique(ts[ts >= 0] % interval, return_counts=True)
    missing = interval - int(phases[np.argmax(counts)])
    return np.where(ts < 0, ts, ts + missing) if missing in _LAST_INSTANTS else ts
