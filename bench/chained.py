"""The stages without the bus: a month of bars and a million trades through all four of them.

Only the stages are timed: files are read, configurations resolved and stages built before. Each repeat
starts from new stages. The garbage collector is on, spared as every run over history spares it, and
collects once before each repeat, so that no repeat pays for what the one before left behind.
"""

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.config.load import ConfigOptions, load
from penstock.config.resolve import resolve
from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.codec import encode, rows_of
from penstock_contracts.instrument import Instrument
from penstock_features.config import FeaturesConfig
from penstock_ingest.build import build_schedule
from penstock_ingest.config import IngestConfig
from penstock_kernel.grid import grid_before
from penstock_kernel.session import SessionConfig
from penstock_research.chained import Stages, run_chained
from penstock_research.chunks import BatchFeed, Chunks
from penstock_strategy.declarations import declarations

from bench.figures import Figure
from bench.market import first_bars, month, trades

REPEATS = 5
BARS_PER_S = 100_000
TRADES_PER_S = 5_000_000
_CHECKED_BARS = 6_000
_MINUTE_NS = 60_000_000_000
_CHUNK_ROWS = 65_536


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """Bars and trades per second. Raises when runs of intervals give anything else than single ones."""
    file, what = month(folder)
    _check(first_bars(file, folder / "btc-perp-slice.csv.gz", _CHECKED_BARS))
    document = _document(file)
    session = SessionConfig.model_validate(document["session"])
    feed = build_schedule(IngestConfig.model_validate(document["ingest"]), session).feeds[0]
    bars = list(feed.columns())
    repeats = 2 if quick else REPEATS
    return [
        _figure(f"chained, bars: {what}", document, feed.instrument, bars, repeats, BARS_PER_S),
        _trades_figure(document, feed.instrument, repeats),
    ]


def _check(file: Path) -> None:
    """A slice by runs of intervals and by single intervals: what is put out must be the same."""
    document = _document(file)
    by_runs, one_by_one = run_chained(document), run_chained(document, runs=False)
    for producer, made in by_runs.outputs.items():
        if [encode(each) for each in made] != [encode(each) for each in one_by_one.outputs[producer]]:
            raise ValueError(f"{producer} puts out something else when quiet intervals pass at once")
    if not by_runs.fills:
        raise ValueError("the slice has no fill: nothing was compared")


def _trades_figure(document: dict[str, Any], instrument: Instrument, repeats: int) -> Figure:
    """The same strategy on one-minute bars made of trades, marks every 100 ms."""
    whole = trades(instrument.instrument)
    rows = rows_of(whole)
    batches = [part_of(whole, at, min(at + _CHUNK_ROWS, rows)) for at in range(0, rows, _CHUNK_ROWS)]
    grid = 100_000_000
    start = grid_before(int(whole.ts_init[0]), grid)
    session = SessionConfig.model_validate(document["session"]).model_copy(
        update={"grid": grid, "start": start}
    )
    features = FeaturesConfig.of(*declarations(session))
    changed = {
        **document,
        "session": session.model_dump(mode="json"),
        "features": features.model_dump(mode="json"),
    }
    return _figure(f"chained, {rows:,} trades", changed, instrument, batches, repeats, TRADES_PER_S)


def _figure(
    name: str,
    document: dict[str, Any],
    instrument: Instrument,
    batches: Sequence[Message],
    repeats: int,
    limit: float,
) -> Figure:
    rows = sum(rows_of(batch) for batch in batches)
    rates: list[float] = []
    fills = presented = 0
    for _ in range(repeats):
        seconds, fills, presented = _timed(document, instrument, batches)
        rates.append(rows / seconds)
    median = sorted(rates)[len(rates) // 2]
    details = {
        "rows": rows, "fills": fills, "intervals_presented": presented, "best": max(rates),
        "gc": "enabled, spared by the run, collected before each repeat",
    }  # fmt: skip
    return Figure(name, median, "/s", "at least", limit, tuple(rates), details)


def _timed(
    document: dict[str, Any], instrument: Instrument, batches: Sequence[Message]
) -> tuple[float, int, int]:
    """Seconds, fills, and intervals or runs of intervals presented."""
    stages = Stages.of(document, commands=False)
    start = stages.session.start
    fills = 0

    def count(producer: str, made: list[Message]) -> None:
        nonlocal fills
        if producer == "execution":
            fills += sum(type(each).__name__ == "Fill" for each in made)

    run = stages.history(count)
    chunks = Chunks([BatchFeed(instrument, batches)], stages.session.grid, start)
    gc.collect()
    began = time.perf_counter()
    run.run(chunks, start)
    return time.perf_counter() - began, fills, run.presented


def _document(file: Path) -> dict[str, Any]:
    settings = (f'ingest.sources=["replay:{file}"]', "ingest.speed=max")
    return resolve(load(ConfigOptions(profile="open", settings=settings), {}), "bench", 0).document
