"""Which column of a file holds what. The tables below are all that is known of column names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstock_ingest.errors import FileError

Kind = Literal["bar", "trade"]

NAMES: dict[str, tuple[str, ...]] = {
    "ts": (
        "ts", "timestamp", "datetime", "date_time", "time", "open_time", "start_time", "bar_start", "start",
        "close_time", "end_time", "bar_end", "end", "date", "transact_time", "trade_time", "ts_event",
        "timestamp_ms", "timestamp_ns", "timestamp_us", "unix", "t",
    ),
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
    "symbol": ("symbol", "instrument", "ticker", "pair", "market"),
}  # fmt: skip
"""Names by meaning, the likelier first; compared in small letters with `_` for anything else."""

NEEDED: dict[Kind, tuple[str, ...]] = {
    "bar": ("ts", "open", "high", "low", "close", "volume"),
    "trade": ("ts", "price", "size"),
}
OPTIONAL: dict[Kind, tuple[str, ...]] = {
    "bar": ("trades", "symbol"),
    "trade": ("side", "buyer_maker", "trade_id", "symbol"),
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
    kind: Kind = "bar" if sum(name in known for name in ("open", "high", "low", "close")) > 1 else "trade"
    missing = [name for name in NEEDED[kind] if name not in known]
    if missing:
        _refuse(file, found, kind, missing, known)
    wanted = (*NEEDED[kind], *OPTIONAL[kind])
    return Layout(kind, {name: known[name] for name in wanted if name in known})


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
    names = {normal(name) for name in found}
    if kind == "trade" and {"bid", "ask"} <= names:
        raise FileError(file, "quotes cannot be replayed yet", "give a file of bars or trades")
    if kind == "trade" and "price" not in known and "size" not in known:
        what = f"neither bars nor trades in the columns {', '.join(found)}"
        mend = "say which holds what, as in --columns ts=TIME,price=PRICE,size=SIZE"
        raise FileError(file, what, mend, row=1)
    what = f"no column for {', '.join(missing)} of a {kind} among {', '.join(found)}"
    raise FileError(file, what, f"name it, as in --columns {missing[0]}=NAME", row=1)
