"""Rows of market data put into a database directly: what a recorder would have written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from penstock_runtime.store.pool import Pool

MINUTE = 60 * 10**9
DAY = 1440 * MINUTE
BEGAN = 1_641_168_000 * 10**9
"""2022-01-03T00:00:00Z."""
KEY = "btc-usdt.binance"
SOURCE = "1-file.csv"

BAR_COLUMNS = (
    "session", "instrument", "interval", "ts", "ts_init", "open", "high", "low", "close", "volume", "trades",
    "vwap", "flags", "source", "hash",
)  # fmt: skip
TRADE_COLUMNS = (
    "session", "instrument", "ts", "ts_event", "price", "size", "side", "flags", "trade_id", "source",
)  # fmt: skip


async def add_session(pool: Pool, session: str, mark: int, started_at: int = BEGAN) -> None:
    """A session that is recorded up to a mark; again to move the mark on."""
    await pool.execute(
        "INSERT INTO sessions (session, epoch, started_at, config_hash, code_hash)"
        " VALUES ($1, 1, $2, 'c', 'd') ON CONFLICT DO NOTHING",
        session, started_at,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO cursors VALUES ($1, 'recorder', 0, 1, $2, '{}')"
        " ON CONFLICT (session, recorder, partition) DO UPDATE SET mark = excluded.mark",
        session, mark,
    )  # fmt: skip


def bars(session: str, numbers: Sequence[int], *, began: int = BEGAN, late: int = 0) -> list[tuple[Any, ...]]:
    """One-minute bars that end `number` minutes after `began`; the same number, the same bar."""
    rows = []
    for number in numbers:
        rng = random.Random(number)
        prices = sorted(Decimal(rng.randrange(4_000_000, 4_100_000)).scaleb(-2) for _ in range(4))
        ts = began + number * MINUTE
        low, one, other, high = prices
        volume = Decimal(rng.randrange(0, 5000)).scaleb(-3)
        rows.append(
            (session, KEY, MINUTE, ts, ts + late, one, high, low, other, volume, number % 90, float(one),
             0, SOURCE, b"12345678")
        )  # fmt: skip
    return rows


async def add_bars(pool: Pool, rows: Sequence[tuple[Any, ...]]) -> None:
    """Bars, as the recorder writes them."""
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("bars", records=rows, columns=BAR_COLUMNS)


async def add_trades(pool: Pool, session: str, count: int, *, began: int = BEGAN, step: int = 10**9) -> None:
    """Trades, one every `step` ns after `began`."""
    rng = random.Random(7)
    rows = []
    for n in range(1, count + 1):
        ts = began + n * step
        price, size = Decimal(rng.randrange(4_000_000, 4_100_000)), Decimal(rng.randrange(1, 900))
        side, trade_id = rng.choice(["buy", "sell", None]), str(n) if n % 3 else None
        rows.append((session, KEY, ts, ts, price.scaleb(-2), size.scaleb(-3), side, 0, trade_id, SOURCE))
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("trades", records=rows, columns=TRADE_COLUMNS)
