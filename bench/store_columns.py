"""Ways to write trades to PostgreSQL, compared: encode, COPY, size. Takes ten seconds.

`python -m bench.store_columns` prints the table of `docs/adr/0003-store-columns.md`. Best of several
rounds of 20,000 rows, into a table that grows with each; prices are read back and compared.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
from penstock_recorder import binary
from penstock_recorder.binary import Cells
from penstock_runtime.embedded import EmbeddedPostgres
from penstock_runtime.store.projection import COPY_HEADER, COPY_TRAILER

ROWS = 20_000
ROUNDS = 8
SIDES = {1: "buy", -1: "sell"}
PRICE_SCALE, SIZE_SCALE = 2, 8

_random = np.random.Generator(np.random.PCG64(1))
TS = 1_700_000_000_000_000_000 + np.arange(ROWS, dtype=np.int64) * 1_000_000
PRICE = _random.integers(3_000_000, 9_000_000, ROWS)
SIZE = _random.integers(1, 10**8, ROWS)
SIDE = _random.choice(np.array([1, -1], np.int8), ROWS)
FLAGS = np.zeros(ROWS, np.int8)
IDS = np.array([str(10**9 + number).encode() for number in range(ROWS)])

COLUMNS = (
    "session text, instrument text, ts bigint, ts_event bigint, price {0}, size {0}, side text,"
    " flags smallint, trade_id text, source text"
)
SCALES = ", price_scale smallint, size_scale smallint"


def matrix(price: Cells, size: Cells, *more: Cells) -> bytes:
    """The rows as one matrix of bytes."""
    return binary.rows_bytes(
        [
            binary.constant_text("20260101T000000-abcd", ROWS),
            binary.constant_text("btc-usdt.binance", ROWS),
            binary.bigint(TS),
            binary.bigint(TS),
            price,
            size,
            binary.choice(SIDE, SIDES),
            binary.smallint(FLAGS),
            binary.text(IDS),
            binary.constant_text("replay", ROWS),
            *more,
        ]
    )


def numerics() -> bytes:
    """Prices and sizes as NUMERIC."""
    return matrix(binary.numeric(PRICE, PRICE_SCALE), binary.numeric(SIZE, SIZE_SCALE))


def integers() -> bytes:
    """Prices and sizes as bigint, with their scales in each row."""
    scales = [binary.constant(scale.to_bytes(2, "big"), ROWS) for scale in (PRICE_SCALE, SIZE_SCALE)]
    return matrix(binary.bigint(PRICE), binary.bigint(SIZE), *scales)


def records() -> list[tuple[Any, ...]]:
    """Prices and sizes as Decimals in tuples, for asyncpg to encode."""
    prices = [Decimal(price).scaleb(-PRICE_SCALE) for price in PRICE.tolist()]
    sizes = [Decimal(size).scaleb(-SIZE_SCALE) for size in SIZE.tolist()]
    columns = (TS.tolist(), prices, sizes, SIDE.tolist(), IDS.tolist())
    head = ("20260101T000000-abcd", "btc-usdt.binance")
    return [
        (*head, ts, ts, price, size, SIDES[side], 0, trade_id.decode(), "replay")
        for ts, price, size, side, trade_id in zip(*columns, strict=True)
    ]


WAYS: tuple[tuple[str, str, str, str, Callable[[], Any]], ...] = (
    ("NUMERIC, matrix, no index", "numeric", "", "", numerics),
    ("NUMERIC, matrix, (instrument, ts)", "numeric", "", "instrument, ts", numerics),
    ("NUMERIC, matrix, (session, instrument, ts)", "numeric", "", "session, instrument, ts", numerics),
    ("bigint and scale, matrix, (instrument, ts)", "bigint", SCALES, "instrument, ts", integers),
    ("NUMERIC, records, (instrument, ts)", "numeric", "", "instrument, ts", records),
)


async def _stream(data: bytes) -> AsyncIterator[bytes]:
    yield COPY_HEADER + data + COPY_TRAILER


async def _measure(connection: asyncpg.Connection, way: tuple[str, str, str, str, Callable[[], Any]]) -> str:
    name, kind, more, index, encode = way
    await connection.execute("DROP TABLE IF EXISTS trades")
    await connection.execute(f"CREATE TABLE trades ({COLUMNS.format(kind)}{more})")
    if index:
        await connection.execute(f"CREATE INDEX ON trades ({index})")
    encoding = copying = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        rows = encode()
        encoded = time.perf_counter()
        if isinstance(rows, bytes):
            await connection.copy_to_table("trades", source=_stream(rows), format="binary")
        else:
            await connection.copy_records_to_table("trades", records=rows)
        encoding = min(encoding, encoded - started)
        copying = min(copying, time.perf_counter() - encoded)
    if kind == "numeric":
        found = await connection.fetch("SELECT price FROM trades LIMIT 100")
        assert [row["price"] for row in found] == [
            Decimal(price).scaleb(-PRICE_SCALE) for price in PRICE[:100].tolist()
        ]
    size = await connection.fetchval("SELECT pg_total_relation_size('trades')") / ROUNDS / ROWS
    both = ROWS / (encoding + copying)
    return f"| {name} | {ROWS / encoding:,.0f} | {ROWS / copying:,.0f} | {both:,.0f} | {size:.0f} |"


async def _main() -> None:
    print("| way | encoded/s | copied/s | both, rows/s | bytes a row |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedPostgres(Path(folder)) as server:
            connection = await asyncpg.connect(server.url)
            for way in WAYS:
                print(await _measure(connection, way))
            await connection.close()


if __name__ == "__main__":
    asyncio.run(_main())
