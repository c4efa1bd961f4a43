"""A column of times to nanoseconds UTC. The unit of an epoch is told by its magnitude, and must be one.

below 10**11 seconds, below 10**14 milliseconds, below 10**17 microseconds, above nanoseconds
"""

import re
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock_ingest.errors import FileError
from penstock_ingest.scale import Ints

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
UNREADABLE = -1
"""Stands for a time that is missing or cannot be read."""
_LOWEST = {"s": 10**8, "ms": 10**11, "us": 10**14, "ns": 10**17}
_ISO = re.compile(
    r"\d{4}(?P<date>[-/])\d\d[-/]\d\d"
    r"((?P<sep>[T ])\d\d:\d\d(?P<seconds>:\d\d([.]\d{1,9})?)?(?P<gap> ?)(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?)?"
)
_MEND = "say how times are written, as in --format ms or --format '%d.%m.%Y %H:%M:%S'"


def parse_times(file: Path, column: pl.Series, rows: Ints, how: str) -> Ints:
    """The column in ns, `UNREADABLE` where a time cannot be read.

    `how` is `auto`, `iso`, a unit or a strptime pattern; `rows` are the row numbers for errors.
    FileError when the
    units are mixed, or when more than a few times cannot be read.
    """
    if column.dtype.is_temporal():
        return _nanoseconds(column)
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        if how == "auto":
            how = "epoch" if _numeric(text) else "iso"
        if how == "iso":
            return _checked(file, _iso(text), rows)
        if how not in UNITS and how != "epoch":
            return _checked(file, _nanoseconds(_strptime(text, how)), rows)
        return _epoch(file, *_split(text), rows, how)
    if column.dtype.is_integer():
        whole = column.cast(pl.Int64, strict=False).fill_null(UNREADABLE).to_numpy()
        return _epoch(file, whole, np.zeros(len(whole), dtype=np.int64), rows, how)
    if column.dtype.is_float():
        # A double holds an epoch to a fraction of a microsecond of its unit; finer digits are noise.
        text = column.fill_nan(None).cast(pl.Decimal(38, 6), strict=False).cast(pl.String)
        return _epoch(file, *_split(text), rows, how)
    raise FileError(file, f"column {column.name!r} of type {column.dtype} holds no times", _MEND)


def _nanoseconds(column: pl.Series) -> Ints:
    values = column.cast(pl.Datetime("ns")).to_physical().fill_null(UNREADABLE).to_numpy()
    times: Ints = np.maximum(values, UNREADABLE)
    return times


def _numeric(text: pl.Series) -> bool:
    sample = text.drop_nulls().head(100).cast(pl.Float64, strict=False)
    return len(sample) - sample.null_count() > len(sample) // 2


def _split(text: pl.Series) -> tuple[Ints, Ints]:
    """Whole part, and the fraction in billionths."""
    whole = text.str.replace(r"[.].*$", "").cast(pl.Int64, strict=False).fill_null(UNREADABLE)
    if not text.str.contains(".", literal=True).any():
        return whole.to_numpy(), np.zeros(len(text), dtype=np.int64)
    fraction = text.str.extract(r"[.](\d{1,9})\d*$").fill_null("0").str.pad_end(9, "0").cast(pl.Int64)
    readable = text.str.contains(r"^\d+([.]\d*)?$").fill_null(value=False)
    return whole.set(~readable, UNREADABLE).to_numpy(), fraction.to_numpy()


def _epoch(file: Path, whole: Ints, billionths: Ints, rows: Ints, how: str) -> Ints:
    readable = whole > 0
    bounds = np.array(list(_LOWEST.values()), dtype=np.int64)
    magnitude = np.searchsorted(bounds, whole, side="right") - 1
    seen = np.unique(magnitude[readable & (magnitude >= 0)])
    names = list(UNITS)
    if len(seen) > 1:
        _mixed(file, magnitude, readable, rows, names)
    if how in UNITS:
        unit = UNITS[how]
        if len(seen) and names[int(seen[0])] != how:
            what = f"times look like {names[int(seen[0])]}, not {how}"
            raise FileError(
                file, what, "leave --format out, or correct it", row=int(rows[np.argmax(readable)])
            )
    elif len(seen):
        unit = UNITS[names[int(seen[0])]]
    else:
        raise FileError(file, "times cannot be told from numbers", _MEND, row=int(rows[0]))
    good = readable & (magnitude >= 0)
    times = np.where(good, np.where(good, whole, 0) * unit + billionths * unit // 10**9, UNREADABLE)
    return _checked(file, times, rows)


def _mixed(file: Path, magnitude: Ints, readable: NDArray[np.bool_], rows: Ints, names: list[str]) -> None:
    places = np.flatnonzero(readable & (magnitude >= 0))
    first = int(magnitude[places[0]])
    other = int(places[np.argmax(magnitude[places] != first)])
    what = f"mixed time units: {names[int(magnitude[other])]} here, {names[first]} in row {rows[places[0]]}"
    raise FileError(file, what, "write all times in one unit", row=int(rows[other]))


def _strptime(text: pl.Series, pattern: str) -> pl.Series:
    try:
        parsed = text.str.to_datetime(pattern, time_unit="ns", strict=False)
    except pl.exceptions.PolarsError:
        parsed = pl.Series(text.name, [None] * len(text), dtype=pl.Datetime("ns"))
    if isinstance(parsed.dtype, pl.Datetime) and parsed.dtype.time_zone is not None:
        parsed = parsed.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return parsed


def _iso(text: pl.Series) -> Ints:
    """Each way of writing that occurs is parsed at once; a time without a zone is UTC."""
    result = np.full(len(text), UNREADABLE, dtype=np.int64)
    left = np.flatnonzero(text.is_not_null().to_numpy())
    for _ in range(8):
        pattern = next((found for at in left[:100].tolist() if (found := iso_pattern(text[at]))), None)
        if pattern is None:
            break
        times = _nanoseconds(_strptime(text if len(left) == len(text) else text[left], pattern))
        result[left] = times
        left = left[times == UNREADABLE]
        if not len(left):
            break
    return result


def iso_pattern(value: str) -> str | None:
    """The strptime pattern of a time as ISO 8601 and its relatives write it, or None."""
    match = _ISO.fullmatch(value)
    if match is None:
        return None
    pattern = "%Y{0}%m{0}%d".format(match["date"])
    if match["sep"] is None:
        return pattern
    pattern += match["sep"] + ("%H:%M:%S%.f" if match["seconds"] else "%H:%M") + match["gap"]
    zone = match["zone"] or ""
    return pattern + (zone if zone in ("", "Z", "UTC") else "%z")


def _checked(file: Path, times: Ints, rows: Ints) -> Ints:
    bad = np.flatnonzero(times == UNREADABLE)
    if len(bad) == len(times) or len(bad) > max(10, len(times) // 100):
        raise FileError(
            file, f"{len(bad)} of {len(times)} times cannot be read", _MEND, row=int(rows[bad[0]])
        )
    return times
