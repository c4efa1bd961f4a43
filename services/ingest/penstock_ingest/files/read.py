"""A file to tables, one for each instrument in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock_ingest import names
from penstock_ingest.errors import FileError
from penstock_ingest.files.bars import bar_ends, interval_of_bars, stamped_at
from penstock_ingest.files.layout import Kind, Layout, resolve
from penstock_ingest.files.load import ROW, RawFrame, load
from penstock_ingest.files.times import parse_times
from penstock_ingest.quarantine import Reason, put
from penstock_ingest.scale import Floats, Ints
from penstock_ingest.table import (
    SIDE_UNREADABLE,
    RawBars,
    RawTrades,
    Rules,
    Table,
    bar_table,
    sampled,
    trade_table,
)

TRADE_ID_BYTES_MAX = 64
_BUYS = ("buy", "b", "bid", "buyer", "1", "+1", "long")
_SELLS = ("sell", "s", "ask", "seller", "-1", "short")
_TRUE = ("true", "t", "1", "yes")
_FALSE = ("false", "f", "0", "no")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are to be read; the fields of the configuration of the same names."""

    columns: Mapping[str, str] = field(default_factory=dict)
    format: str = "auto"
    bar_time: str = "auto"
    bar_interval: int | None = None
    rules: Rules = field(default_factory=Rules)


@dataclass(slots=True)
class FileRows:
    """The rows of one instrument in a file."""

    file: Path
    kind: Kind
    symbol: str | None
    """As the symbol column writes it; None where there is no such column."""
    table: Table
    row_numbers: Ints
    """Of the quarantined rows, in the file."""
    assumptions: tuple[str, ...]


def read_file(file: Path, options: ReadOptions) -> list[FileRows]:
    """Read a whole file. FileError when it cannot be used; single rows that cannot are quarantined."""
    raw = load(
        file, numbered=bool(options.columns) and all(each.isdigit() for each in options.columns.values())
    )
    layout = resolve(file, raw.columns, options.columns)
    rows = raw.frame[ROW].to_numpy().astype(np.int64)
    ts = parse_times(file, raw.frame[layout.columns["ts"]], rows, options.format)
    notes = _time_notes(raw, layout)
    if "symbol" not in layout.columns:
        return [_rows(file, raw, layout, ts, None, options, notes)]
    symbols = raw.frame[layout.columns["symbol"]].cast(pl.String).str.strip_chars()
    found = [each for each in symbols.unique(maintain_order=True).to_list() if each]
    if not found:
        raise FileError(file, "the symbol column is empty", "fill it, or leave it out")
    parts = []
    for symbol in found:
        # Rows without a symbol are nobody's; they are counted with the first one.
        mask = (symbols == symbol).fill_null(value=False) | (
            (symbols.fill_null("") == "") & (symbol == found[0])
        )
        places = mask.to_numpy()
        part = RawFrame(raw.frame.filter(mask), raw.columns, raw.ragged[places])
        parts.append(_rows(file, part, layout, ts[places], symbol, options, notes))
    return parts


def _time_notes(raw: RawFrame, layout: Layout) -> tuple[str, ...]:
    column = raw.frame[layout.columns["ts"]]
    if column.dtype == pl.String and column.str.contains(r"\d:\d").any():
        zoned = column.str.contains(r"(?:Z|UTC|[+-]\d\d:?\d\d)\s*$").any()
        return () if zoned else ("times without a zone are UTC",)
    return ()


def _rows(
    file: Path,
    raw: RawFrame,
    layout: Layout,
    ts: Ints,
    symbol: str | None,
    options: ReadOptions,
    notes: tuple[str, ...],
) -> FileRows:
    frame, columns = raw.frame, layout.columns
    numbers = frame[ROW].to_numpy().astype(np.int64)
    verdict = np.zeros(len(frame), dtype=np.int8)
    put(verdict, raw.ragged, Reason.COLUMNS)
    if symbol is not None:
        put(verdict, (frame[columns["symbol"]].cast(pl.String).fill_null("") == "").to_numpy(), Reason.SYMBOL)
    _refuse_wrong_order(file, ts, numbers)
    if layout.kind == "bar":
        table, jumps, assumed = _bars(file, frame, columns, ts, verdict, options)
        notes = (*notes, *assumed)
    else:
        table, jumps = trade_table(_trades(file, frame, columns, ts, verdict), options.rules)
    if table.rounded:
        notes = (
            *notes,
            f"{table.rounded} numbers have more decimals than fit beside the largest, and were rounded",
        )
    _refuse_unusable(file, table, numbers, jumps, symbol)
    table.samples = _texts(frame, raw.columns, table)
    return FileRows(file, layout.kind, symbol, table, numbers[table.bad_row], notes)


def _trades(
    file: Path, frame: pl.DataFrame, columns: Mapping[str, str], ts: Ints, verdict: NDArray[np.int8]
) -> RawTrades:
    trade_id = np.full(len(frame), b"", dtype="S1")
    if "trade_id" in columns:
        text = frame[columns["trade_id"]].cast(pl.String).fill_null("").str.strip_chars()
        long = text.str.len_bytes() > TRADE_ID_BYTES_MAX
        put(verdict, long.to_numpy(), Reason.TRADE_ID)
        trade_id = _bytes(text.set(long, ""))
    return RawTrades(
        ts=ts,
        price=_floats(file, frame, columns["price"]),
        size=_floats(file, frame, columns["size"]),
        side=_sides(frame, columns),
        trade_id=trade_id,
        verdict=verdict,
    )


def _bars(
    file: Path,
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    ts: Ints,
    verdict: NDArray[np.int8],
    options: ReadOptions,
) -> tuple[Table, int, tuple[str, ...]]:
    interval = options.bar_interval or interval_of_bars(file, ts, names.interval_of(file))
    stamped, assumed = stamped_at(columns["ts"], ts, interval, options.bar_time)
    trades = np.full(len(frame), -1, dtype=np.int64)
    if "trades" in columns:
        counts = frame[columns["trades"]].cast(pl.Float64, strict=False).fill_null(-1).fill_nan(-1).to_numpy()
        trades = np.clip(counts, -1, 2.0**53).astype(np.int64)
    raw = RawBars(
        ts=bar_ends(ts, interval, stamped),
        open=_floats(file, frame, columns["open"]),
        high=_floats(file, frame, columns["high"]),
        low=_floats(file, frame, columns["low"]),
        close=_floats(file, frame, columns["close"]),
        volume=_floats(file, frame, columns["volume"]),
        trades=trades,
        interval=interval,
        verdict=verdict,
    )
    table, jumps = bar_table(raw, options.rules)
    return table, jumps, (assumed,) if assumed else ()


def _floats(file: Path, frame: pl.DataFrame, name: str) -> Floats:
    column = frame[name]
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    elif not column.dtype.is_numeric():
        raise FileError(
            file, f"column {name!r} of type {column.dtype} holds no numbers", "name another with --columns"
        )
    values: Floats = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return values


def _sides(frame: pl.DataFrame, columns: Mapping[str, str]) -> NDArray[np.int8]:
    """The aggressor: the seller where the buyer was the maker."""
    buys: tuple[str, ...]
    sells: tuple[str, ...]
    if "side" in columns:
        name, buys, sells = columns["side"], _BUYS, _SELLS
    elif "buyer_maker" in columns:
        name, buys, sells = columns["buyer_maker"], _FALSE, _TRUE
    else:
        return np.zeros(len(frame), dtype=np.int8)
    text = frame[name].cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase()
    text = text.str.replace(r"[.]0+$", "")
    codes = {**dict.fromkeys(buys, 1), **dict.fromkeys(sells, -1), "": 0, "unknown": 0, "none": 0}
    sides = text.replace_strict(codes, default=SIDE_UNREADABLE, return_dtype=pl.Int8)
    return sides.to_numpy()


def _bytes(text: pl.Series) -> NDArray[np.bytes_]:
    """Strings as fixed-width bytes, without an object for each."""
    width = max(int(text.str.len_bytes().max() or 0), 1)  # type: ignore[arg-type]
    if (text.str.len_bytes() != text.str.len_chars()).any():
        return np.array([each.encode() for each in text.to_list()], dtype=f"S{width}")
    joined: str = text.str.pad_end(width, "\0").str.join("").item()
    return np.frombuffer(joined.encode(), dtype=f"S{width}")


def _tolerated(rows: int) -> int:
    """How many rows may be out of place before the file as a whole is."""
    return max(rows // 100, min(10, rows // 4))


def _refuse_wrong_order(file: Path, ts: Ints, numbers: Ints) -> None:
    readable = np.flatnonzero(ts >= 0)
    falls = np.flatnonzero(ts[readable][1:] < ts[readable][:-1])
    if len(falls) and len(falls) > min(_tolerated(len(readable)), len(readable) - 2):
        what = f"times go back {len(falls)} times, here first"
        raise FileError(
            file, what, "sort the rows by time, oldest first", row=int(numbers[readable[falls[0] + 1]])
        )


def _refuse_unusable(file: Path, table: Table, numbers: Ints, jumps: int, symbol: str | None) -> None:
    rows = len(numbers)
    if not len(table.ts):
        reason = Reason(int(table.bad_reason[0])).label
        what = f"none of {rows} rows is usable, this one for {reason}"
        raise FileError(file, what, "check columns and formats", row=int(numbers[table.bad_row[0]]))
    back = np.flatnonzero(table.bad_reason == Reason.TIME_BACK)
    if len(back) > _tolerated(rows):
        row = int(numbers[table.bad_row[back[0]]])
        raise FileError(
            file, f"{len(back)} rows are out of order, here first", "sort the rows by time", row=row
        )
    conflicts = np.flatnonzero(table.bad_reason == Reason.DUPLICATE_CONFLICT)
    jumped = np.flatnonzero(table.bad_reason == Reason.PRICE_JUMP)
    if symbol is None and (len(conflicts) > _tolerated(rows) or jumps > max(rows // 10, min(10, rows // 4))):
        first = np.concatenate((conflicts, jumped))
        where = int(numbers[table.bad_row[first.min()]]) if len(first) else None
        what = "rows of several instruments, and no symbol column"
        raise FileError(file, what, "add a symbol column, or give a file for each", row=where)


def _texts(frame: pl.DataFrame, columns: list[str], table: Table) -> dict[int, str]:
    shown = frame.select(columns)
    return {place: _text(shown.row(place)) for place in sampled(table)}


def _text(row: tuple[Any, ...]) -> str:
    return ",".join("" if field is None else str(field) for field in row)[:500]
