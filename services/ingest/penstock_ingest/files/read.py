"""A file to tables, one for each instrument in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import polars as pl

from penstock_ingest.books import RawBook, book_table, joined
from penstock_ingest.chain import Loss
from penstock_ingest.errors import FileError
from penstock_ingest.files.happenings import EventRows, event_rows
from penstock_ingest.files.layout import BatchKind, Layout, resolve
from penstock_ingest.files.lines import ROW
from penstock_ingest.files.load import RawFrame, load
from penstock_ingest.files.raw import raw_bars, raw_book, raw_quotes, raw_trades
from penstock_ingest.files.times import UNREADABLE, parse_times
from penstock_ingest.quarantine import Reason, Verdict, put
from penstock_ingest.quotes import quote_table
from penstock_ingest.scale import Ints
from penstock_ingest.table import Rules, Table, bar_table, sampled, trade_table


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
    kind: BatchKind
    symbol: str | None
    """As the symbol column writes it; None where there is no such column."""
    table: Table
    row_numbers: Ints
    """Of the quarantined rows, in the file."""
    assumptions: tuple[str, ...]
    losses: tuple[Loss, ...] = ()
    """Where a book was lost."""


@dataclass(slots=True)
class BookRows:
    """Book updates of one instrument in a file, not judged: another file may hold what comes before."""

    file: Path
    symbol: str | None
    raw: RawBook
    shown: pl.DataFrame
    """The file's columns as they are."""
    numbers: Ints
    assumptions: tuple[str, ...]


Part = FileRows | BookRows | EventRows


def read_file(file: Path, options: ReadOptions) -> list[Part]:
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
    parts: list[Part] = []
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
) -> Part:
    frame, columns = raw.frame, layout.columns
    numbers = frame[ROW].to_numpy().astype(np.int64)
    verdict = np.zeros(len(frame), dtype=np.int8)
    put(verdict, raw.ragged, Reason.COLUMNS)
    if symbol is not None:
        put(verdict, (frame[columns["symbol"]].cast(pl.String).fill_null("") == "").to_numpy(), Reason.SYMBOL)
    _refuse_wrong_order(file, ts, numbers)
    if layout.event is not None:
        return event_rows(file, layout.event, symbol, frame, columns, ts, numbers, notes)
    if layout.kind == "book":
        book = raw_book(file, frame, columns, ts, _event_times(file, raw, layout, options), verdict)
        return BookRows(file, symbol, book, frame.select(raw.columns), numbers, notes)
    table, jumps, assumed = _table(file, frame, layout, ts, verdict, options)
    notes = (*notes, *assumed, *_rounding(table))
    _refuse_unusable(file, table, numbers, jumps, symbol)
    table.samples = _texts(frame.select(raw.columns), table)
    return FileRows(file, layout.batch, symbol, table, numbers[table.bad_row], notes)


def _table(
    file: Path, frame: pl.DataFrame, layout: Layout, ts: Ints, verdict: Verdict, options: ReadOptions
) -> tuple[Table, int, tuple[str, ...]]:
    """The table of bars, quotes or trades, how many rows jump, and what was assumed."""
    columns, rules = layout.columns, options.rules
    if layout.kind == "bar":
        bars, assumed = raw_bars(
            file, frame, columns, ts, verdict, bar_interval=options.bar_interval, bar_time=options.bar_time
        )
        return *bar_table(bars, rules), (assumed,) if assumed else ()
    if layout.kind == "quote":
        return *quote_table(raw_quotes(file, frame, columns, ts, verdict), rules), ()
    return *trade_table(raw_trades(file, frame, columns, ts, verdict), rules), ()


def _event_times(file: Path, raw: RawFrame, layout: Layout, options: ReadOptions) -> Ints:
    """Times at which the venue's book changed, where the file tells them apart from its own."""
    if "ts_event" not in layout.columns:
        return np.full(len(raw.frame), UNREADABLE, dtype=np.int64)
    column = raw.frame[layout.columns["ts_event"]]
    return parse_times(file, column, raw.frame[ROW].to_numpy().astype(np.int64), options.format)


def judge_book(parts: list[BookRows], rules: Rules) -> FileRows:
    """The book that the files of one instrument make together. FileError when they make none."""
    parts = sorted(parts, key=lambda part: _span(part.raw)[0])
    for before, after in pairwise(parts):
        if _span(before.raw)[1] > _span(after.raw)[0]:
            what = f"updates of the same time as those in {before.file}"
            raise FileError(after.file, what, "give one book of an instrument")
    first = parts[0]
    made = book_table(joined([part.raw for part in parts]), rules)
    table = made.table
    numbers = np.concatenate([part.numbers for part in parts])
    if not len(table.ts):
        _refuse_none(first.file, table, numbers, "give the file with the snapshot too")
    table.samples = _texts(pl.concat([part.shown for part in parts], how="diagonal_relaxed"), table)
    if len(parts) > 1:  # row numbers are those of their own files
        names = [part.file.name for part in parts for _ in part.numbers]
        table.samples = {place: f"{names[place]}: {text}" for place, text in table.samples.items()}
    notes = dict.fromkeys(note for part in parts for note in part.assumptions)
    if (made.table.columns["last_update_id"] == 0).all():
        notes["updates without ids: a missing one cannot be found"] = None
    notes |= dict.fromkeys(_rounding(table))
    return FileRows(
        first.file, "book", first.symbol, table, numbers[table.bad_row], tuple(notes), tuple(made.losses)
    )


def _span(raw: RawBook) -> tuple[int, int]:
    readable = raw.ts[raw.ts >= 0]
    return (int(readable.min()), int(readable.max())) if len(readable) else (0, 0)


def _rounding(table: Table) -> tuple[str, ...]:
    if not table.rounded:
        return ()
    return (f"{table.rounded} numbers have more decimals than fit beside the largest, and were rounded",)


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


def _refuse_none(file: Path, table: Table, numbers: Ints, mend: str) -> NoReturn:
    reason = Reason(int(table.bad_reason[0])).label
    what = f"none of {len(numbers)} rows is usable, this one for {reason}"
    raise FileError(file, what, mend, row=int(numbers[table.bad_row[0]]))


def _refuse_unusable(file: Path, table: Table, numbers: Ints, jumps: int, symbol: str | None) -> None:
    rows = len(numbers)
    if not len(table.ts):
        _refuse_none(file, table, numbers, "check columns and formats")
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


def _texts(shown: pl.DataFrame, table: Table) -> dict[int, str]:
    return {place: _text(shown.row(place)) for place in sampled(table)}


def _text(row: tuple[Any, ...]) -> str:
    return ",".join("" if field is None else str(field) for field in row)[:500]
