"""The configured sources, opened: what can be wrong with them is said here, before anything starts."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from penstock_contracts.instrument import Instrument
from penstock_contracts.market import TradeBatch
from penstock_contracts.subjects import instrument_key
from penstock_kernel.grid import NS_PER_MS, grid_before

from penstock_ingest.config import IngestConfig, SyntheticConfig, parse_source
from penstock_ingest.errors import SourceError
from penstock_ingest.feed import Feed, TableFeed
from penstock_ingest.files.read import FileRows, ReadOptions, read_file
from penstock_ingest.instruments import (
    REPLAY,
    SYNTHETIC,
    Definition,
    define,
    definition_for,
    infer,
    load_definitions,
)
from penstock_ingest.names import Named, from_file, from_symbol
from penstock_ingest.synthetic.feed import SyntheticFeed, instrument_values
from penstock_ingest.table import Rules

GRID = 100 * NS_PER_MS
"""Distance of the marks, and the most that it may be at wall-clock speed, ns."""


def open_sources(config: IngestConfig, instruments_file: Path | None = None) -> list[Feed]:
    """Feeds of all sources, in the order of the configuration. SourceError, FileError or DefinitionError.

    `instruments_file` stands for `config.instruments_file` where that is not set.
    """
    file = config.instruments_file or instruments_file
    definitions = load_definitions(file) if file is not None else []
    sources = [parse_source(text) for text in config.sources]
    if len(set(config.sources)) < len(sources):
        raise SourceError(f"a source is named twice among {', '.join(config.sources)}")
    if sum(source.kind == "synthetic" for source in sources) > 1:
        raise SourceError("only one synthetic source; ingest.synthetic.symbols takes several symbols")
    rules = Rules(config.price_jump_max, config.price_decimals, config.size_decimals)
    options = ReadOptions(config.columns, config.format, config.bar_time, config.bar_interval, rules)
    parts: list[tuple[int, FileRows]] = []
    feeds: dict[int, list[Feed]] = {at: [] for at in range(len(sources))}
    for at, source in enumerate(sources):
        if source.kind == "replay":
            parts += [(at, rows) for rows in read_file(Path(source.path), options)]
        else:
            synthetic = config.synthetic
            if source.seed is not None:
                synthetic = synthetic.model_copy(update={"seed": source.seed})
            feeds[at] += _synthetic_feeds(synthetic, rules, config.batch_rows, definitions)
    for at, feed in _file_feeds(parts, definitions, config.batch_rows):
        feeds[at].append(feed)
    return [feed for at in range(len(sources)) for feed in feeds[at]]


def choose_grid(feeds: Sequence[Feed], setting: int | None = None, realtime: bool = False) -> int:
    """Distance of the marks, ns: as set, else 100 ms, or in a faster replay of bars alone their interval.

    Several intervals, and bars that do not end on a multiple of theirs, give the greatest common divisor.
    SourceError for a setting above 100 ms at wall-clock speed.
    """
    if setting is not None:
        if realtime and setting > GRID:
            raise SourceError(f"grid {setting} ns: at 1x the marks are at most 100 ms apart")
        return setting
    intervals = [feed.bar_interval for feed in feeds]
    if realtime or not feeds or None in intervals:
        return GRID
    phases = [feed.next_time() or 0 for feed in feeds]
    return max(math.gcd(*(interval for interval in intervals if interval is not None), *phases), GRID)


def session_start(feeds: Sequence[Feed], grid: int) -> int:
    """The grid point before the first datum of all feeds. SourceError when there is none."""
    first = min((ts for feed in feeds if (ts := feed.next_time()) is not None), default=None)
    if first is None:
        raise SourceError("no source has a row")
    return grid_before(first, grid)


def instruments_of(feeds: Sequence[Feed]) -> tuple[Instrument, ...]:
    """The instruments of all feeds, each once, ordered by key."""
    found = {feed.instrument.instrument: feed.instrument for feed in feeds}
    return tuple(found[key] for key in sorted(found))


def _synthetic_feeds(
    config: SyntheticConfig, rules: Rules, batch_rows: int, definitions: Sequence[Definition]
) -> list[Feed]:
    feeds: list[Feed] = []
    for symbol in config.symbols:
        values = instrument_values(config, symbol)
        instrument = define(definition_for(definitions, values["instrument"], None), values, {})
        feeds.append(SyntheticFeed(f"{SYNTHETIC}-{symbol}", instrument, config, symbol, rules, batch_rows))
    return feeds


def _file_feeds(
    parts: Sequence[tuple[int, FileRows]], definitions: Sequence[Definition], batch_rows: int
) -> list[tuple[int, Feed]]:
    """A feed for each part of a file; the parts of one instrument are defined together."""
    groups: dict[str, list[tuple[int, FileRows]]] = {}
    named: dict[str, tuple[Named, Definition | None]] = {}
    for at, rows in parts:
        name = from_file(rows.file) if rows.symbol is None else from_symbol(rows.symbol)
        key = instrument_key(name.symbol, REPLAY)
        definition = definition_for(definitions, key, rows.file if rows.symbol is None else None)
        if definition is not None:
            key = definition.instrument
        groups.setdefault(key, []).append((at, rows))
        named.setdefault(key, (name, definition))
    instruments = {}
    for key, group in groups.items():
        whose, definition = named[key]
        values, texts = infer(
            whose,
            REPLAY,
            [rows.table for _, rows in group],
            [note for _, rows in group for note in rows.assumptions],
        )
        instruments[key] = define(definition, values, texts)
        if definition is not None and definition.values.get("tick_size") is not None:
            _flag_off_tick(instruments[key], [rows for _, rows in group])
    feeds: list[tuple[int, Feed]] = []
    for key, group in groups.items():
        for at, rows in group:
            called = _feed_name(len(feeds) + 1, rows)
            feed = TableFeed(called, instruments[key], rows.table, rows.row_numbers, batch_rows)
            feeds.append((at, feed))
    return feeds


def _feed_name(number: int, rows: FileRows) -> str:
    """A name that messages can carry: the number keeps two files of the same name apart."""
    parts = [str(number), rows.file.name, *([] if rows.symbol is None else [rows.symbol])]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(parts))[:80]


def _flag_off_tick(instrument: Instrument, parts: Sequence[FileRows]) -> None:
    """Flag trades off a tick that was defined; bars are not checked against it."""
    assert instrument.tick_size is not None
    digits = instrument.tick_size.normalize().as_tuple()
    scale = max(0, -int(digits.exponent))
    units = int(instrument.tick_size.scaleb(scale))
    for rows in parts:
        if rows.table.make is TradeBatch:
            rows.table.flag_off_tick(units, scale)
