"""Small files and feeds for the tests of ingest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from penstock_contracts.base import Message
from penstock_contracts.market import BarBatch, BookBatch, Gap, QuoteBatch, TradeBatch
from penstock_ingest.config import IngestConfig
from penstock_ingest.feed import Feed
from penstock_ingest.sources import open_sources

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND
"""A Tuesday evening in 2023, no full minute."""


def write_csv(folder: Path, name: str, header: str, rows: Sequence[str]) -> Path:
    """A CSV file."""
    path = folder / name
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def trade_rows(count: int, step_ns: int = SECOND // 4, price: float = 100.0) -> list[str]:
    """`ts,id,price,size` of calm trades, from `BEGIN` on."""
    return [
        f"{BEGIN + at * step_ns},{at + 1},{price + (at * 7 % 11) / 100:.2f},{1 + at % 3}"
        for at in range(count)
    ]


def trades_file(folder: Path, count: int = 40, name: str = "btc-usdt-trades.csv", **changes: str) -> Path:
    """Trades; `changes` replace rows: `r3="…"` is the fourth."""
    rows = trade_rows(count)
    for key, row in changes.items():
        rows[int(key.removeprefix("r"))] = row
    return write_csv(folder, name, "ts,id,price,size", rows)


def bar_rows(count: int, interval_s: int = 60) -> list[str]:
    """`open_time,open,high,low,close,volume` in seconds, from a full minute on."""
    first = BEGIN // SECOND // interval_s * interval_s
    return [
        f"{first + at * interval_s},{base},{base + 2},{base - 1},{base + 1},{10 + at % 7}.5"
        for at, base in ((at, 100 + at % 5) for at in range(count))
    ]


BAR_HEADER = "open_time,open,high,low,close,volume"


def bars_file(folder: Path, count: int = 40, name: str = "btc-usdt-1m.csv", **changes: str) -> Path:
    """One-minute bars; `changes` as in `trades_file`."""
    rows = bar_rows(count)
    for key, row in changes.items():
        rows[int(key.removeprefix("r"))] = row
    return write_csv(folder, name, BAR_HEADER, rows)


def open_files(*files: Path, **settings: object) -> list[Feed]:
    """Feeds of files under a configuration."""
    sources = tuple(f"replay:{file}" for file in files)
    return open_sources(IngestConfig.model_validate({"sources": sources, **settings}))


def rows_in(messages: Sequence[Message]) -> list[tuple[object, ...]]:
    """Every row and gap of the messages, so that the cuts between batches do not show."""
    rows: list[tuple[object, ...]] = []
    for message in messages:
        columns: tuple[NDArray[Any], ...]
        if isinstance(message, TradeBatch):
            columns = (message.ts_event, message.ts_init, message.price, message.size, message.side)
            columns += (message.flags, message.trade_id)
        elif isinstance(message, BarBatch):
            columns = (message.ts_event, message.ts_init, message.open, message.high, message.low)
            columns += (message.close, message.volume, message.trades, message.flags)
        elif isinstance(message, QuoteBatch):
            columns = (message.ts_event, message.ts_init, message.bid, message.ask, message.bid_size)
            columns += (message.ask_size, message.flags)
        elif isinstance(message, BookBatch):
            columns = (message.ts_event, message.ts_init, message.action, message.side, message.price)
            columns += (message.size, message.first_update_id, message.last_update_id)
        else:
            rows.append((type(message).__name__, message.ts_init, _gap(message)))
            continue
        head = (message.instrument, message.source, message.price_scale, message.size_scale)
        rows += [(*head, *row) for row in zip(*(np.asarray(each).tolist() for each in columns), strict=True)]
    return rows


def _gap(message: Message) -> tuple[int, int] | None:
    return (message.ts_from, message.ts_to) if isinstance(message, Gap) else None


def everything(feed: Feed, until: int = 2**62) -> list[tuple[object, ...]]:
    """All rows of a feed up to a time."""
    return rows_in(feed.read_until(until))
