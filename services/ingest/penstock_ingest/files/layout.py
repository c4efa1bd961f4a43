"""Which column of a file holds what. The tables below are all that is known of column names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstock_ingest.errors import FileError

BatchKind = Literal["bar", "trade", "quote", "book"]
EventKind = Literal["funding", "rate", "status", "liquidation", "instrument"]
Kind = BatchKind | EventKind

NAMES: dict[str, tuple[str, ...]] = {
    "ts": (
        "ts", "timestamp", "datetime", "date_time", "time", "open_time", "start_time", "bar_start", "start",
        "close_time", "end_time", "bar_end", "end", "date", "transact_time", "trade_time", "ts_event",
        "timestamp_ms", "timestamp_ns", "timestamp_us", "unix", "funding_time", "fundingtime",
        "t",
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
    "funding_rate": ("funding_rate", "fundingrate", "last_funding_rate"),
    "base": ("base", "base_currency", "from_currency"),
    "quote": ("quote", "quote_currency", "to_currency"),
    "rate": ("rate", "exchange_rate"),
    "status": ("status", "market_status", "trading_status"),
    "reason": ("reason",),
    "symbol": ("symbol", "instrument", "ticker", "pair", "market"),
}  # fmt: skip
"""Names by meaning, the likelier first; compared in small letters with `_` for anything else."""

NEEDED: dict[Kind, tuple[str, ...]] = {
    "bar": ("ts", "open", "high", "low", "close", "volume"),
    "trade": ("ts", "price", "size"),
    "quote": ("ts", "bid", "ask"),
    "book": ("ts", "update_type", "side", "price", "size"),
    "funding": ("ts", "funding_rate"),
    "rate": ("ts", "base", "quote", "rate"),
    "status": ("ts", "status"),
    "liquidation": ("ts", "side", "price", "size"),
    "instrument": ("ts",),
}
OPTIONAL: dict[Kind, tuple[str, ...]] = {
    "bar": ("trades", "symbol"),
    "trade": ("side", "buyer_maker", "trade_id", "symbol"),
    "quote": ("bid_size", "ask_size", "symbol"),
    "book": ("first_id", "last_id", "previous_id", "ts_event", "symbol"),
    "funding": ("symbol",),
    "rate": (),
    "status": ("reason", "symbol"),
    "liquidation": ("symbol",),
    "instrument": ("symbol",),
}
INSTRUMENT_FIELDS = (
    "tick_size", "lot_size", "quantity_min", "notional_min", "multiplier", "fee_maker", "fee_taker",
    "margin_initial", "margin_maintenance",
)  # fmt: skip
"""What a file of changes of instruments has columns for."""
_LIQUIDATIONS = re.compile(r"liquidations?|forceorders?")
START_NAMES = frozenset({"open_time", "start_time", "bar_start", "start"})
END_NAMES = frozenset({"close_time", "end_time", "bar_end", "end"})


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds, and the name of the column for each meaning."""

    kind: Kind
    columns: dict[str, str]

    @property
    def event(self) -> EventKind | None:
        """The kind, when its rows are single events."""
        match self.kind:
            case "funding" | "rate" | "status" | "liquidation" | "instrument":
                return self.kind
            case _:
                return None

    @property
    def batch(self) -> BatchKind:
        """The kind, when its rows make batches. ValueError when they do not."""
        match self.kind:
            case "bar" | "trade" | "quote" | "book":
                return self.kind
            case _:
                raise ValueError(f"{self.kind} makes no batches")


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
    kind = _kind(file, known, by_normal)
    missing = [name for name in NEEDED[kind] if name not in known]
    if missing:
        _refuse(file, found, kind, missing, known)
    wanted = (*NEEDED[kind], *OPTIONAL[kind])
    columns = {name: known[name] for name in wanted if name in known}
    if kind == "instrument":
        columns |= {field: by_normal[field] for field in INSTRUMENT_FIELDS if field in by_normal}
    return Layout(kind, columns)


def _kind(file: Path, known: Mapping[str, str], names: Mapping[str, str]) -> Kind:
    """What the columns are those of; trades when they tell nothing else."""
    if sum(name in known for name in ("open", "high", "low", "close")) > 1:
        return "bar"
    if "update_type" in known:
        return "book"
    if "funding_rate" in known:
        return "funding"
    if {"base", "quote", "rate"} <= known.keys():
        return "rate"
    if "bid" in known and "ask" in known:
        return "quote"
    if "price" in known:
        # Their columns are those of trades: only the name tells.
        return "liquidation" if _LIQUIDATIONS.search(normal(file.name)) else "trade"
    if "status" in known:
        return "status"
    return "instrument" if any(field in names for field in INSTRUMENT_FIELDS) else "trade"


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
