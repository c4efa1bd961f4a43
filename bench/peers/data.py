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
BOOK_LEVELS = 10
BOOK_DISTANCE_NS = 10_000_000
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


def books(updates: int, seed: int = 13) -> Columns:
    """A book ten levels deep on each side whose middle walks by ticks: its changes, an update each 10 ms.

    A snapshot, then updates of one level; where the middle moves, the level that it passes goes, one is new
    on the other side, and at the far ends one comes and one goes. The spread is always two ticks.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    moves = random.choice(np.array([-1, 0, 1]), updates, p=[0.05, 0.9, 0.05])
    middle = 460_000 + np.concatenate(([0], np.cumsum(moves)[:-1]))
    depth, side = random.integers(1, BOOK_LEVELS + 1, updates), random.choice(np.array([-1, 1]), updates)
    size = random.integers(1_000, 5_000, updates)
    after = middle + moves
    first = (np.where(moves == 0, side, -moves), np.where(moves == 0, middle - side * depth, middle + moves))
    second = (moves, after - moves)
    third = (-moves, after + BOOK_LEVELS * moves)
    fourth = (moves, after - (BOOK_LEVELS + 1) * moves)
    kept, gone = size, np.zeros(updates, dtype=np.int64)
    more = ((*second, kept), (*third, kept), (*fourth, gone))
    parts = [
        (np.arange(updates), *first, np.where(moves == 0, size, 0)),
        *((np.flatnonzero(moves), *(each[moves != 0] for each in part)) for part in more),
    ]
    which, sides, ticks, sizes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(which, kind="stable")
    levels = np.arange(1, BOOK_LEVELS + 1)
    snapshot_side = np.repeat([1, -1], BOOK_LEVELS)
    snapshot_ticks = 460_000 - snapshot_side * np.tile(levels, 2)
    ts = START_NS + BOOK_DISTANCE_NS * np.concatenate((np.ones(2 * BOOK_LEVELS), which[order] + 2)).astype(
        np.int64
    )
    return {
        "ts": ts,
        "update_type": np.where(np.arange(len(ts)) < 2 * BOOK_LEVELS, "snap", "set"),
        "side": np.where(np.concatenate((snapshot_side, sides[order])) > 0, "bid", "ask"),
        "price": np.round(np.concatenate((snapshot_ticks, ticks[order])) * TICK, 1),
        "size": np.concatenate((np.full(2 * BOOK_LEVELS, 2_000), sizes[order])) / 1_000,
    }


def last_middle(book: Columns) -> float:
    """The middle of a book of `books` after its last update."""
    ts = book["ts"].astype(np.int64)
    moved = np.flatnonzero((ts[3:] == ts[:-3]) & (np.arange(len(ts) - 3) >= 2 * BOOK_LEVELS))
    if not len(moved):
        return 460_000 * TICK
    row = int(moved[-1]) + 1  # the level that is new beside the middle
    return float(book["price"][row]) + (TICK if book["side"][row] == "bid" else -TICK)


def repeated(bars: Columns, times: int) -> Columns:
    """Bars again and again, each time as much later as they are long."""
    ts = bars["ts"].astype(np.int64)
    span = int(ts[-1] - ts[0]) + MINUTE_NS
    made: Columns = {name: np.tile(values, times) for name, values in bars.items()}
    made["ts"] = np.concatenate([ts + at * span for at in range(times)])
    return made


def _times(rows: int) -> NDArray[np.int64]:
    return START_NS + DISTANCE_NS * np.arange(1, rows + 1, dtype=np.int64)
