"""Columns of a file as raw rows of each kind: numbers where there should be some, codes for words."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock_ingest import names
from penstock_ingest.books import RawBook
from penstock_ingest.chain import UNKNOWN
from penstock_ingest.errors import FileError
from penstock_ingest.files.bars import bar_ends, interval_of_bars, stamped_at
from penstock_ingest.quarantine import Reason, Verdict, put
from penstock_ingest.quotes import RawQuotes
from penstock_ingest.scale import Floats, Ints
from penstock_ingest.table import SIDE_UNREADABLE, RawBars, RawTrades

TRADE_ID_BYTES_MAX = 64
_BUYS = ("buy", "b", "bid", "bids", "buyer", "1", "+1", "long")
_SELLS = ("sell", "s", "a", "ask", "asks", "offer", "seller", "-1", "short")
_TRUE = ("true", "t", "1", "yes")
_FALSE = ("false", "f", "0", "no")
_SNAPSHOTS = ("snap", "snapshot", "partial", "true")
_UPDATES = ("set", "update", "delta", "change", "false")


def raw_trades(
    file: Path, frame: pl.DataFrame, columns: Mapping[str, str], ts: Ints, verdict: Verdict
) -> RawTrades:
    """Trades."""
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


def raw_quotes(
    file: Path, frame: pl.DataFrame, columns: Mapping[str, str], ts: Ints, verdict: Verdict
) -> RawQuotes:
    """Quotes; sizes of 0 where the file has none."""
    nothing = np.zeros(len(frame))
    return RawQuotes(
        ts=ts,
        bid=_floats(file, frame, columns["bid"]),
        ask=_floats(file, frame, columns["ask"]),
        bid_size=_floats(file, frame, columns["bid_size"]) if "bid_size" in columns else nothing,
        ask_size=_floats(file, frame, columns["ask_size"]) if "ask_size" in columns else nothing,
        verdict=verdict,
    )


def raw_book(
    file: Path, frame: pl.DataFrame, columns: Mapping[str, str], ts: Ints, ts_event: Ints, verdict: Verdict
) -> RawBook:
    """Level changes."""
    said = frame[columns["update_type"]].cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase()
    put(verdict, ~said.is_in((*_SNAPSHOTS, *_UPDATES)).to_numpy(), Reason.UPDATE_TYPE)
    return RawBook(
        ts=ts,
        ts_event=ts_event,
        snapshot=said.is_in(_SNAPSHOTS).to_numpy(),
        side=_sides(frame, columns),
        price=_floats(file, frame, columns["price"]),
        size=_floats(file, frame, columns["size"]),
        first=_ids(frame, columns, "first_id", "last_id"),
        last=_ids(frame, columns, "last_id"),
        previous=_ids(frame, columns, "previous_id"),
        verdict=verdict,
    )


def _ids(frame: pl.DataFrame, columns: Mapping[str, str], *meanings: str) -> Ints:
    """The ids of the first of the meanings that the file has; -1 where it says nothing."""
    name = next((columns[each] for each in meanings if each in columns), None)
    if name is None:
        return np.full(len(frame), UNKNOWN, dtype=np.int64)
    ids: Ints = frame[name].cast(pl.Int64, strict=False).fill_null(UNKNOWN).to_numpy()
    return np.maximum(ids, UNKNOWN)


def raw_bars(
    file: Path,
    frame: pl.DataFrame,
    columns: Mapping[str, str],
    ts: Ints,
    verdict: Verdict,
    *,
    bar_interval: int | None,
    bar_time: str,
) -> tuple[RawBars, str]:
    """Bars, and what was assumed of their times (nothing when it was said)."""
    interval = bar_interval or interval_of_bars(file, ts, names.interval_of(file))
    stamped, assumed = stamped_at(columns["ts"], ts, interval, bar_time)
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
    return raw, assumed


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
