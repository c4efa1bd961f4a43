"""Frames and arrays as market data: checked, then read as a file of the same columns would be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Data = pl.DataFrame | Mapping[str, Any]
"""A frame, or arrays by column name."""

BAR_COLUMNS = ("open", "high", "low", "close", "volume")
_POSITIVE = ("open", "high", "low", "close", "price", "bid", "ask")
_NUMBERS = (*_POSITIVE, "volume", "size")
_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class DataError(ValueError):
    """Data that cannot be used. The text names the instrument, the column and the row, counted from 0."""


def frame_of(symbol: str, data: Data) -> pl.DataFrame:
    """A frame of `ts` and the columns of bars, trades or quotes. DataError names column and row."""
    if not isinstance(data, pl.DataFrame):
        data = _from_arrays(symbol, data)
    frame = data.rename({each: each.strip().lower() for each in data.columns})
    if frame.is_empty():
        raise DataError(f"{symbol}: no rows")
    if "ts" not in frame.columns:
        other = next(
            (each for each in ("timestamp", "time", "datetime", "date") if each in frame.columns), None
        )
        if other is None:
            raise DataError(f"{symbol}: no column ts among {', '.join(frame.columns)}")
        frame = frame.rename({other: "ts"})
    _check_kind(symbol, frame.columns)
    frame = frame.with_columns(_times(symbol, frame["ts"]).alias("ts"))
    for name in _NUMBERS:
        if name in frame.columns:
            frame = frame.with_columns(_numbers(symbol, name, frame[name]))
    if "open" in frame.columns:
        _check_bars(symbol, frame)
    return frame


def write(symbol: str, frame: pl.DataFrame, folder: Path) -> Path:
    """The frame as a file that ingest reads; it is named for the instrument."""
    file = folder / f"{symbol}.parquet"
    frame.write_parquet(file)
    return file


def _from_arrays(symbol: str, data: Mapping[str, Any]) -> pl.DataFrame:
    arrays = {name: np.asarray(values) for name, values in data.items()}
    lengths = {name: len(values) if values.ndim == 1 else -1 for name, values in arrays.items()}
    for name, length in lengths.items():
        if length < 0:
            raise DataError(f"{symbol}: column {name} has {arrays[name].ndim} dimensions, not one")
        if length != next(iter(lengths.values())):
            first = next(iter(lengths))
            raise DataError(f"{symbol}: column {name} has {length} rows, {first} has {lengths[first]}")
    return pl.DataFrame({name: pl.Series(name, values) for name, values in arrays.items()})


def _check_kind(symbol: str, columns: list[str]) -> None:
    bars = sum(each in columns for each in BAR_COLUMNS[:4])
    quotes = "bid" in columns or "ask" in columns
    needed = BAR_COLUMNS if bars > 1 else ("bid", "ask") if quotes else ("price", "size")
    missing = [each for each in needed if each not in columns]
    if missing:
        kind = "bars" if bars > 1 else "quotes" if quotes else "trades"
        raise DataError(f"{symbol}: no column {missing[0]} of {kind} among {', '.join(columns)}")


def _times(symbol: str, column: pl.Series) -> pl.Series:
    """Times in ns UTC, ascending; integers are epochs whose unit their size tells."""
    if column.null_count():
        raise _at(symbol, "ts", column.is_null(), "there is no time")
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("ns"))
    if isinstance(column.dtype, pl.Datetime):
        ns = column.dt.epoch("ns")
    elif column.dtype.is_integer():
        ns = column.cast(pl.Int64) * _unit(symbol, int(column[0]))
    else:
        raise DataError(f"{symbol}: column ts holds {column.dtype}, not times or integers")
    back = ns.diff() < 0
    if back.any():
        raise _at(symbol, "ts", back.fill_null(value=False), "earlier than the row before")
    return ns.cast(pl.Datetime("ns", "UTC"))


def _unit(symbol: str, first: int) -> int:
    for size in _UNITS.values():
        if 10**17 <= first * size < 10**19:  # 1973 to 2286
            return size
    raise DataError(f"{symbol}: column ts, row 0: {first} is no time in {', '.join(_UNITS)}")


def _numbers(symbol: str, name: str, column: pl.Series) -> pl.Series:
    if not (column.dtype.is_numeric() or column.dtype.is_decimal()):
        raise DataError(f"{symbol}: column {name} holds {column.dtype}, not numbers")
    values = column.cast(pl.Float64)
    if values.null_count():
        raise _at(symbol, name, values.is_null(), "there is no number")
    wrong = ~values.is_finite()
    if wrong.any():
        raise _at(symbol, name, wrong, f"{values.filter(wrong)[0]} is no number to trade on")
    low = values <= 0 if name in (*_POSITIVE, "size") else values < 0
    if low.any():
        raise _at(symbol, name, low, f"{values.filter(low)[0]:g} is not above zero")
    return values.alias(name)


def _check_bars(symbol: str, frame: pl.DataFrame) -> None:
    body_low = frame.select(pl.min_horizontal("open", "close")).to_series()
    body_high = frame.select(pl.max_horizontal("open", "close", "low")).to_series()
    for name, wrong, what in (
        ("low", frame["low"] > body_low, "above another price of the bar"),
        ("high", frame["high"] < body_high, "below another price of the bar"),
        (
            "ts",
            (frame["ts"].diff().dt.total_nanoseconds() == 0).fill_null(value=False),
            "the same as the row before",
        ),
    ):
        if wrong.any():
            raise _at(symbol, name, wrong, what)


def _at(symbol: str, name: str, wrong: pl.Series, what: str) -> DataError:
    first = wrong.arg_true()[0]
    more = f" ({wrong.sum() - 1} more rows)" if wrong.sum() > 1 else ""
    return DataError(f"{symbol}: column {name}, row {first}: {what}{more}")
