"""The configured sources, opened: what can be wrong with them is said here, before anything starts."""

import math
from collections.abc import Sequence
from pathlib import Path

from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, BookBatch, QuoteBatch, TradeBatch
from penstock_kernel.grid import NS_PER_MS, grid_before

from penstock_ingest.config import IngestConfig, SyntheticConfig, parse_source
from penstock_ingest.errors import SourceError
from penstock_ingest.feed import Feed
from penstock_ingest.files.feeds import file_feeds
from penstock_ingest.files.read import Part, ReadOptions, read_file
from penstock_ingest.hours import check_calendars
from penstock_ingest.instruments import SYNTHETIC, Definition, define, definition_for, load_definitions
from penstock_ingest.rates import rate_feeds
from penstock_ingest.recording import RecordingEnd, recording_feeds
from penstock_ingest.synthetic.feed import SyntheticFeed, instrument_values
from penstock_ingest.synthetic.quotes import SyntheticQuotes
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
    recorded = [source for source in sources if source.kind == "recording"]
    if recorded and (len(sources) > 1 or definitions):
        raise SourceError("a recording has its own instruments, and is a source alone")
    if recorded:
        return recording_feeds(Path(recorded[0].path), config.batch_rows)
    rules = Rules(config.price_jump_max, config.price_decimals, config.size_decimals)
    options = ReadOptions(config.columns, config.format, config.bar_time, config.bar_interval, rules)
    parts: list[tuple[int, Part]] = []
    feeds: dict[int, list[Feed]] = {at: [] for at in range(len(sources))}
    for at, source in enumerate(sources):
        if source.kind == "replay":
            parts += [(at, rows) for rows in read_file(Path(source.path), options)]
        else:
            synthetic = config.synthetic
            if source.seed is not None:
                synthetic = synthetic.model_copy(update={"seed": source.seed})
            feeds[at] += _synthetic_feeds(synthetic, rules, config.batch_rows, definitions)
    for at, feed in file_feeds(parts, definitions, rules, config.batch_rows):
        feeds[at].append(feed)
    opened = [feed for at in range(len(sources)) for feed in feeds[at]]
    check_calendars(instruments_of(opened))
    return [*opened, *rate_feeds(opened, config.rates, config.rate_interval)]


def choose_grid(feeds: Sequence[Feed], setting: int | None = None, realtime: bool = False) -> int:
    """Distance of the marks, ns: as set, else a recording's, else 100 ms, or in a faster replay of bars alone
    their interval.

    Several intervals, and bars that do not end on a multiple of theirs, give the greatest common divisor.
    SourceError for a setting above 100 ms at wall-clock speed.
    """
    if setting is not None:
        if realtime and setting > GRID:
            raise SourceError(f"grid {setting} ns: at 1x the marks are at most 100 ms apart")
        return setting
    recorded = _recorded(feeds)
    if recorded is not None and not (realtime and recorded.grid > GRID):
        return recorded.grid
    priced = [feed for feed in feeds if feed.makes is not None]
    intervals = [feed.bar_interval for feed in priced]
    if realtime or not priced or None in intervals:
        return GRID
    phases = [feed.next_time() or 0 for feed in priced]
    return max(math.gcd(*(interval for interval in intervals if interval is not None), *phases), GRID)


def session_start(feeds: Sequence[Feed], grid: int) -> int:
    """A recording's start, or the grid point before the first datum. SourceError when there is none."""
    recorded = _recorded(feeds)
    if recorded is not None and recorded.start % grid == 0:
        return recorded.start
    first = min((ts for feed in feeds if (ts := feed.next_time()) is not None), default=None)
    if first is None:
        raise SourceError("no source has a row")
    return grid_before(first, grid)


def _recorded(feeds: Sequence[Feed]) -> RecordingEnd | None:
    return next((feed for feed in feeds if isinstance(feed, RecordingEnd)), None)


def instruments_of(feeds: Sequence[Feed]) -> tuple[Instrument, ...]:
    """The instruments of all feeds, each once, ordered by key."""
    found = {feed.instrument.instrument: feed.instrument for feed in feeds}
    return tuple(found[key] for key in sorted(found))


def quoted_of(feeds: Sequence[Feed]) -> tuple[str, ...]:
    """Instruments of which there are quotes or books, but neither trades nor bars."""
    priced = {feed.instrument.instrument for feed in feeds if feed.makes in (QuoteBatch, BookBatch)}
    traded = {feed.instrument.instrument for feed in feeds if feed.makes in (TradeBatch, BarBatch)}
    return tuple(sorted(priced - traded))


def _synthetic_feeds(
    config: SyntheticConfig, rules: Rules, batch_rows: int, definitions: Sequence[Definition]
) -> list[Feed]:
    feeds: list[Feed] = []
    for symbol in config.symbols:
        values = instrument_values(config, symbol)
        instrument = define(definition_for(definitions, values["instrument"], None), values, {})
        name = f"{SYNTHETIC}-{symbol}"
        feeds.append(SyntheticFeed(name, instrument, config, symbol, rules, batch_rows))
        if config.quotes:
            quotes = SyntheticQuotes(f"{name}-quotes", instrument, config, symbol, rules, batch_rows)
            feeds.append(quotes)
    return feeds
