"""Which column of a file holds what. The tables below are all that is known of column names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstock_ingest.errors import FileError

Kind = Literal["bar", "trade", "quote", "book"]

NAMES: dict[str, tuple[str, ...]] = {
    "ts": (
        "ts", "timestamp", "datetime", "date_time", "time", "open_time", "start_time", "bar_start", "start",
        "close_time", "end_time", "bar_end", "end", "date", "transact_time", "trade_time", "ts_event",
        "timestamp_ms", "timestamp_ns", "timestamp_us", "unix", "t",
    ),
    "ts_event": ("cts", "ts_event", "event_time", "transaction_time"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "v", "vol", "base_volume", "volume_base"),
    "trades": ("trades", "number_of_trades", "trade_count", "num_trades", "n_trades"),
    "price": ("price", "p", "px", "trade_price"),
    "size": ("size", "quantity", "qty", "amount", "q", "base_qty", "volume"),
    "side": ("side", "taker_side", "aggressor", "aggressor_side", "direction"),
    "buyer_maker": ("buyer_maker", "is_buyer_maker", "isbuyermaker", "buyer_is_maker", "m"),
    "trade_id": ("trade_id", "tradeid", "agg_trade_id", "aggregate_trade_id", "tid", "id", "a"),
    "bid": ("bid", "bid_price", "best_bid", "best_bid_price", "bid_px"),
    "ask": ("ask", "ask_price", "best_ask", "best_ask_price", "ask_px"),
    "bid_size": ("bid_size", "bid_qty", "bid_quantity", "bid_volume", "bid_amount", "best_bid_qty"),
    "ask_size": ("ask_size", "ask_qty", "ask_quantity", "ask_volume", "ask_amount", "best_ask_qty"),
    "update_type": ("update_type", "is_snapshot", "book_action"),
    "first_id": ("first_update_id", "first_id"),
    "last_id": ("last_update_id", "final_update_id", "update_id", "last_id", "u"),
    "previous_id": ("pu", "previous_update_id", "prev_update_id"),
    "symbol": ("symbol", "instrument", "ticker", "pair", "market"),
}  # fmt: skip
"""Names by meaning, the likelier first; compared in small letters with `_` for anything else."""

NEEDED: dict[Kind, tuple[str, ...]] = {
    "bar": ("ts", "open", "high", "low", "close", "volume"),
    "trade": ("ts", "price", "size"),
    "quote": ("ts", "bid", "ask"),
    "book": ("ts", "update_type", "side", "price", "size"),
}
OPTIONAL: dict[Kind, tuple[str, ...]] = {
    "bar": ("trades", "symbol"),
    "trade": ("side", "buyer_maker", "trade_id", "symbol"),
    "quote": ("bid_size", "ask_size", "symbol"),
    "book": ("first_id", "last_id", "previous_id", "ts_event", "symbol"),
}
START_NAMES = frozenset({"open_time", "start_time", "bar_start", "start"})
END_NAMES = frozenset({"close_time", "end_time", "bar_end", "end"})


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds, and the name of the column for each meaning."""

    kind: Kind
    columns: dict[str, str]


def normal(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def resolve(file: Path, found: Sequence[str], mapping: Mapping[str, str]) -> Layout:
    """Find the columns of a file among its names; `mapping` goes before. FileError when one is missing."""
    known = _given(file, found, mapping)
    by_normal = {normal(name): name for name in reversed(found) if name not in known.values()}
    for meaning, names in NAMES.items():
        if meaning not in known:
            name = next((by_normal[each] for each in names if each in by_normal), None)
            if name is not None:
                known[meaning] = name
    kind = _kind(known)
    missing = [name for name in NEEDED[kind] if name not in known]
    if missing:
        _refuse(file, found, kind, missing, known)
    wanted = (*NEEDED[kind], *OPTIONAL[kind])
    return Layout(kind, {name: known[name] for name in wanted if name in known})


def _kind(known: Mapping[str, str]) -> Kind:
    """What the columns are those of; trades when they tell nothing else."""
    if sum(name in known for name in ("open", "high", "low", "close")) > 1:
        return "bar"
    if "update_type" in known:
        return "book"
    return "quote" if "bid" in known and "ask" in known else "trade"


def _given(file: Path, found: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    for meaning, name in mapping.items():
        if meaning not in NAMES:
            raise FileError(file, f"no meaning is called {meaning!r}", f"columns take {', '.join(NAMES)}")
        if name not in found:
            raise FileError(file, f"no column {name!r} for {meaning}", f"the file has {', '.join(found)}")
    return dict(mapping)


def _refuse(
    file: Path, found: Sequence[str], kind: Kind, missing: list[str], known: Mapping[str, str]
) -> None:
    if kind == "trade" and "price" not in known and "size" not in known:
        what = f"neither bars, trades, quotes nor a book in the columns {', '.join(found)}"
        mend = "say which holds what, as in --columns ts=TIME,price=PRICE,size=SIZE"
        raise FileError(file, what, mend, row=1)
    what = f"no column for {', '.join(missing)} of a {kind} among {', '.join(found)}"
    raise FileError(file, what, f"name it, as in --columns {missing[0]}=NAME", row=1)
