"""What every engine is given: files of trades, quotes, bars and book updates. NumPy and PyArrow only.

The peers' environment has no Penstock, and Penstock's has no peers: both read these files.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.generic]]

START_NS = 1_641_038_400_000_000_000
DISTANCE_NS = 100_000_000
MINUTE_NS = 60_000_000_000
TICK = 0.1
SYMBOL = "btc-usdt"


def write(file: Path, columns: Mapping[str, NDArray[np.generic]]) -> Path:
    """Write columns as Parquet, the column `ts` as nanoseconds UTC."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        name: pa.array(values, pa.timestamp("ns", "UTC")) if name == "ts" else pa.array(values)
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), file)
    return file


def read(file: Path) -> Columns:
    """The columns of a file that `write` made."""
    table = pq.read_table(file)
    columns: Columns = {}
    for name in table.column_names:
        column = table.column(name)
        columns[name] = (column.cast(pa.int64()) if name == "ts" else column).to_numpy()
    return columns


def trades(rows: int, seed: int = 11) -> Columns:
    """Trades 100 ms apart whose price walks by ticks. Each is larger than any order of the measurement."""
    random = np.random.Generator(np.random.PCG64(seed))
    ticks = 460_000 + np.cumsum(random.integers(-4, 5, rows))
    return {
        "ts": _times(rows),
        "price": np.round(ticks * TICK, 1),
        "size": random.integers(1_000, 5_000, rows) / 1_000,
        "side": np.where(random.integers(0, 2, rows) == 1, "buy", "sell"),
    }


def quotes(rows: int, seed: int = 12) -> Columns:
    """Quotes 100 ms apart, two ticks wide, whose middle walks by ticks."""
    random = np.random.Generator(np.random.PCG64(seed))
    ticks = 460_000 + np.cumsum(random.integers(-4, 5, rows))
    return {
        "ts": _times(rows),
        "bid": np.round((ticks - 1) * TICK, 1),
        "ask": np.round((ticks + 1) * TICK, 1),
        "bid_size": random.integers(1_000, 5_000, rows) / 1_000,
        "ask_size": random.integers(1_000, 5_000, rows) / 1_000,
    }


def repeated(bars: Columns, times: int) -> Columns:
    """Bars again and again, each time as much later as they are long."""
    ts = bars["ts"].astype(np.int64)
    span = int(ts[-1] - ts[0]) + MINUTE_NS
    made: Columns = {name: np.tile(values, times) for name, values in bars.items()}
    made["ts"] = np.concatenate([ts + at * span for at in range(times)])
    return made


def _times(rows: int) -> NDArray[np.int64]:
    return START_NS + DISTANCE_NS * np.arange(1, rows + 1, dtype=np.int64)
