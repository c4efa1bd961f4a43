"""Book messages as a venue sends them, one JSON object a line, to the columns of a book file.

    {"topic": "orderbook.500.XRPUSDT", "type": "snapshot", "ts": 1733011200691, "cts": 1733011200687,
     "data": {"s": "XRPUSDT", "b": [["1.9531", "6203"], …], "a": […], "u": 48250343, "seq": …}}

Each level is a row; a message without levels is a row without a side, whose price and size are 0. Times are
milliseconds, ids count the messages.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic_core import from_json

from penstock_ingest.errors import FileError

ROW = "\x00row"
"""Name of the added column with each row's number in the file."""
_SCHEMA = {
    ROW: pl.Int64,
    "symbol": pl.String,
    "timestamp": pl.Int64,
    "cts": pl.Int64,
    "update_type": pl.String,
    "side": pl.String,
    "price": pl.String,
    "size": pl.String,
    "last_update_id": pl.Int64,
    "previous_update_id": pl.Int64,
}
_Row = tuple[int | str | None, ...]


def book_lines(file: Path, data: bytes) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """A row for each level, and which rows are lines that are no such message. FileError when none is."""
    rows: list[_Row] = []
    broken: list[bool] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            made = _rows(number, from_json(line))
        except (ValueError, KeyError, TypeError):
            text = line[:200].decode(errors="replace")
            rows.append((number, None, None, None, text, None, None, None, None, None))
            broken.append(True)
            continue
        rows += made
        broken += [False] * len(made)
    if all(broken):
        mend = "each line takes topic, type, ts and data with s, b, a and u; or give CSV"
        raise FileError(file, "no book message in its lines", mend, row=1)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row"), np.array(broken, dtype=np.bool_)


def _rows(number: int, message: Any) -> list[_Row]:
    """The rows of one message. ValueError, KeyError or TypeError when it is none."""
    data = message["data"]
    last = _whole(data["u"])
    kind, symbol = _text(message["type"]), _text(data["s"])
    cts = _whole(message["cts"]) if "cts" in message else None
    head = (number, symbol, _whole(message["ts"]), cts, kind)
    ids = (last, last - 1)
    levels: list[_Row] = [
        (*head, side, _text(price), _text(size), *ids)
        for side, changed in (("bid", data["b"]), ("ask", data["a"]))
        for price, size in changed
    ]
    return levels or [(*head, None, "0", "0", *ids)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is not a whole number")
    return value
