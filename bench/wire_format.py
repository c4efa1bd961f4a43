"""Layouts for a batch on the wire, compared: time to write, time to read, size. Takes ten seconds.

`python -m bench.wire_format` prints the table of `docs/adr/0002-batch-wire-format.md`. Every layout
carries the whole message and is read back into the same NumPy columns; a difference stops the run.
Times are the best of many rounds, the layouts taking turns, so that a busy machine matters least.
"""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from penstock_contracts.base import first_type_of
from penstock_contracts.codec import decode, encode, same
from penstock_contracts.columns import text_column
from penstock_contracts.market import TradeBatch
from pydantic import BaseModel, TypeAdapter

ROWS = (1, 10, 100, 5_000)
ROUNDS = 40
PLAIN = first_type_of(TradeBatch).fields
COLUMNS = tuple(name for name, _ in first_type_of(TradeBatch).columns)


@dataclass(frozen=True)
class Layout:
    """A way to write a batch and to read it."""

    name: str
    write: Callable[[TradeBatch], bytes]
    read: Callable[[bytes], TradeBatch]


class JsonTrades(BaseModel):
    """The batch as lists."""

    instrument: str
    source: str
    price_scale: int
    size_scale: int
    ts_event: list[int]
    ts_init: list[int]
    price: list[int]
    size: list[int]
    side: list[int]
    flags: list[int]
    trade_id: list[str]


_JSON = TypeAdapter(JsonTrades)
_DTYPES = {"side": np.int8, "flags": np.int8}


def write_json(batch: TradeBatch) -> bytes:
    """Lists in JSON."""
    columns = {name: getattr(batch, name).tolist() for name in COLUMNS}
    columns["trade_id"] = [each.decode() for each in columns["trade_id"]]
    plain = {name: getattr(batch, name) for name in PLAIN}
    return _JSON.dump_json(JsonTrades.model_construct(**plain, **columns))


def read_json(data: bytes) -> TradeBatch:
    """Lists to columns."""
    model = _JSON.validate_json(data)
    columns: dict[str, Any] = {
        name: np.array(getattr(model, name), dtype=_DTYPES.get(name, np.int64)) for name in COLUMNS[:-1]
    }
    plain = {name: getattr(model, name) for name in PLAIN}
    return TradeBatch(**plain, **columns, trade_id=text_column(model.trade_id))


def _table(batch: TradeBatch) -> pa.RecordBatch:
    width = batch.trade_id.dtype.itemsize
    text = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(batch.trade_id), [None, pa.py_buffer(batch.trade_id)]
    )
    arrays = [*(pa.array(getattr(batch, name)) for name in COLUMNS[:-1]), text]
    plain = json.dumps({name: getattr(batch, name) for name in PLAIN})
    schema = pa.schema(
        [pa.field(name, array.type, nullable=False) for name, array in zip(COLUMNS, arrays, strict=True)],
        metadata={"plain": plain},
    )
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _batch(table: pa.RecordBatch) -> TradeBatch:
    text = table.column(len(COLUMNS) - 1)
    width = text.type.byte_width
    trade_id = np.frombuffer(
        text.buffers()[1], dtype=f"S{width}", count=len(text), offset=text.offset * width
    )
    columns = {name: table.column(place).to_numpy() for place, name in enumerate(COLUMNS[:-1])}
    return TradeBatch(**json.loads(table.schema.metadata[b"plain"]), **columns, trade_id=trade_id)


def write_arrow(batch: TradeBatch) -> bytes:
    """A stream of one record batch, schema included."""
    table = _table(batch)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_batch(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_arrow(data: bytes) -> TradeBatch:
    """The record batch's buffers as columns."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
        return _batch(stream.read_next_batch())


def write_parquet(batch: TradeBatch) -> bytes:
    """One row group, compressed as by default."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_batches([_table(batch)]), sink)
    return sink.getvalue()


def read_parquet(data: bytes) -> TradeBatch:
    """The one row group."""
    return _batch(pq.read_table(pa.py_buffer(data), use_threads=False).combine_chunks().to_batches()[0])


LAYOUTS = (
    Layout("header + raw columns", encode, lambda data: decode("md", "trade", 1, data)),
    Layout("JSON columns", write_json, read_json),
    Layout("Arrow IPC stream", write_arrow, read_arrow),
    Layout("Parquet", write_parquet, read_parquet),
)


def trades(rows: int) -> TradeBatch:
    """Trades as a busy market gives them; the same every time."""
    random = np.random.Generator(np.random.PCG64(7))
    ts = 1_641_038_400_000_000_000 + np.cumsum(random.integers(0, 20_000_000, rows))
    return TradeBatch(
        instrument="btc-usdt.binance",
        source="binance",
        price_scale=2,
        size_scale=6,
        ts_event=ts,
        ts_init=ts + random.integers(1_000_000, 9_000_000, rows),
        price=4_630_000 + np.cumsum(random.integers(-3, 4, rows)),
        size=random.integers(1, 2_000_000, rows),
        side=(2 * random.integers(0, 2, rows) - 1).astype(np.int8),
        flags=np.zeros(rows, dtype=np.int8),
        trade_id=text_column([str(1_198_112_450 + number) for number in range(rows)]),
    )


def best(call: Callable[[], object], loops: int) -> float:
    """Microseconds a call, over one round."""
    started = time.perf_counter_ns()
    for _ in range(loops):
        call()
    return (time.perf_counter_ns() - started) / loops / 1_000


def measure(rows: int) -> list[tuple[str, float, float, int]]:
    """For each layout: its name, microseconds to write and to read, bytes."""
    batch = trades(rows)
    written = {layout.name: layout.write(batch) for layout in LAYOUTS}
    for layout in LAYOUTS:
        if not same(layout.read(written[layout.name]), batch):
            raise ValueError(f"{layout.name} does not give back what was written")
    loops = min(200, max(10, 4_000 // rows))
    times = {layout.name: (float("inf"), float("inf")) for layout in LAYOUTS}
    for _ in range(ROUNDS):
        for layout in LAYOUTS:
            data = written[layout.name]
            write, read = times[layout.name]
            times[layout.name] = (
                min(write, best(lambda layout=layout: layout.write(batch), loops)),  # type: ignore[misc]
                min(read, best(lambda layout=layout, data=data: layout.read(data), loops)),  # type: ignore[misc]
            )
    return [(name, *times[name], len(written[name])) for name in times]


def main() -> None:
    """Print the table."""
    print("| rows | layout | write, µs | read, µs | bytes | bytes a row |")
    print("|---:|---|---:|---:|---:|---:|")
    for rows in ROWS:
        for name, write, read, size in measure(rows):
            print(f"| {rows:,} | {name} | {write:,.1f} | {read:,.1f} | {size:,} | {size / rows:,.0f} |")


if __name__ == "__main__":
    main()
