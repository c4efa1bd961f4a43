"""How Penstock grows: `python -m bench.peers.ours_growth FOLDER INSTRUMENTS ROWS`, one size in a process.

Memory is the process's resident set: before there is data (the base: Python and libraries), after the columns
are made, and the highest that was seen while it ran, once for each stretch that features hands on.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.codec import rows_of
from penstock_contracts.columns import text_column
from penstock_contracts.market import TradeBatch
from penstock_kernel.grid import grid_before

from bench.peers import data
from bench.peers.ours import Prepared, document_of
from bench.peers.works import WORKS

CHUNK_ROWS = 65_536
SAMPLE_ROWS = 2_000


def main(
    folder: Annotated[Path, typer.Argument(help="The result is written there.")],
    instruments: Annotated[int, typer.Argument(min=1)],
    rows: Annotated[int, typer.Argument(min=SAMPLE_ROWS, help="Trades of all instruments together.")],
) -> None:
    """Measure one run: seconds, and memory."""
    each = rows // instruments
    files = [
        data.write(folder / f"s{at:03d}-usdt.parquet", _first_rows(_columns(SAMPLE_ROWS, at)))
        for at in range(instruments)
    ]
    document = document_of(WORKS["trades"], files)
    prepared = Prepared(document)
    base = _resident()
    prepared.start = grid_before(data.START_NS + 1, int(document["session"]["grid"]))
    prepared.columns = [
        (instrument, _batches(instrument.instrument, _columns(each, at)))
        for at, (instrument, _) in enumerate(prepared.columns)
    ]
    prepared.rows = sum(rows_of(batch) for _, batches in prepared.columns for batch in batches)
    columns = _column_bytes(prepared.columns)
    loaded = _resident()
    fills = highest = 0

    def count(producer: str, made: list[Message]) -> None:
        nonlocal fills, highest
        if producer == "features":
            highest = max(highest, _resident())
        if producer == "execution":
            fills += sum(type(message).__name__ == "Fill" for message in made)

    seconds = prepared.run(count)
    result = {
        "instruments": instruments,
        "rows": prepared.rows,
        "fills": fills,
        "wall_s": seconds.wall,
        "cpu_s": seconds.cpu,
        "base_mb": base / 1e6,
        "columns_mb": columns / 1e6,
        "loaded_mb": loaded / 1e6,
        "highest_mb": max(highest, _resident()) / 1e6,
    }
    (folder / f"growth-{instruments}-{rows}.json").write_text(json.dumps(result), encoding="utf-8")


def _columns(rows: int, at: int) -> data.Columns:
    return data.trades(rows, seed=100 + at)


def _first_rows(columns: data.Columns) -> data.Columns:
    return {name: column[:SAMPLE_ROWS] for name, column in columns.items()}


def _batches(instrument: str, columns: data.Columns) -> list[Message]:
    """The columns as the messages that a file of them would give."""
    ts = columns["ts"].astype(np.int64)
    whole = TradeBatch(
        instrument=instrument,
        source="bench",
        price_scale=1,
        size_scale=3,
        ts_event=ts,
        ts_init=ts,
        price=np.round(columns["price"].astype(np.float64) * 10).astype(np.int64),
        size=np.round(columns["size"].astype(np.float64) * 1_000).astype(np.int64),
        side=np.where(columns["side"] == "buy", 1, -1).astype(np.int8),
        flags=np.zeros(len(ts), dtype=np.int8),
        trade_id=np.resize(text_column(["t"]), len(ts)),
    )
    return [part_of(whole, at, min(at + CHUNK_ROWS, len(ts))) for at in range(0, len(ts), CHUNK_ROWS)]


def _column_bytes(columns: list[tuple[Any, list[Message]]]) -> int:
    """What the columns take; of one array that stands for two it is counted once."""
    found = 0
    for _, batches in columns:
        for batch in batches:
            arrays = {
                id(value.base) if value.base is not None else id(value): value.nbytes
                for name in type(batch).__slots__
                if isinstance(value := getattr(batch, name), np.ndarray)
            }
            found += sum(arrays.values())
    return found


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    typer.run(main)
