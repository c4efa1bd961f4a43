"""Writes the files that all engines read."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl

from bench.market import month
from bench.peers import data

ROWS = 1_000_000
MONTHS = 4
QUICK_BARS = 3_000


def prepare(folder: Path, name: str, *, quick: bool) -> Path:
    """The file of a data set, written when it is not there yet."""
    rows = ROWS // 20 if quick else ROWS
    file = folder / name / ("btc-usdt-1m.parquet" if name in {"bars", "month"} else "btc-usdt.parquet")
    if file.exists():
        return file
    match name:
        case "trades":
            return data.write(file, data.trades(rows))
        case "quotes":
            return data.write(file, data.quotes(rows))
        case "books":
            return data.write(file, data.books(rows // 2))  # the slowest to read, by far
        case "bars":
            return data.write(file, data.repeated(_month(folder), 1 if quick else MONTHS))
        case "month":
            return data.write(
                file,
                {name: column[: QUICK_BARS if quick else None] for name, column in _month(folder).items()},
            )
    raise ValueError(f"no data set {name}")


def _month(folder: Path) -> data.Columns:
    """The recorded month of one-minute bars, or an invented one where that is absent."""
    file, _ = month(folder)
    with gzip.open(file) as stream:
        frame = pl.read_csv(stream.read())
    columns: data.Columns = {
        name: frame[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close", "volume")
    }
    times = frame["timestamp"].str.to_datetime(time_unit="ns").dt.epoch("ns").to_numpy()
    return {"ts": times.astype(np.int64), **columns}
