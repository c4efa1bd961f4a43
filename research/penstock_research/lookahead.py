"""Does a strategy, or its fills, know what nobody could know yet?

What was decided up to an instant must be the same whatever comes after it. So history is run as it is,
then cut off right after decisions, then with another future, and what was decided before is compared. A
strategy that is shown a mirrored market and decides the same reads its data elsewhere. No fill may be
earlier than its order takes effect, nor at a price of a bar that was over by then.
"""

import gzip
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from penstock_contracts.base import Message
from penstock_contracts.batch import part_of
from penstock_contracts.headers import rfc3339
from penstock_contracts.instrument import Instrument
from penstock_contracts.market import BarBatch, QuoteBatch, TradeBatch
from penstock_contracts.orders import OrderApproved
from penstock_contracts.signals import Note, Signal
from penstock_contracts.venue import Fill
from penstock_ingest.config import parse_source
from penstock_ingest.feed import Feed
from penstock_ingest.hours import hours_feeds
from penstock_kernel.money import from_scaled
from penstock_kernel.session import SessionConfig

from penstock_research.chained import Stages
from penstock_research.chunks import BATCHES, Batch, BatchFeed, Chunks

CUTS = 8
_PRICES = ("open", "high", "low", "close", "price", "bid", "ask")
Decision = tuple[int, str, str, str, str]
"""Event time, strategy, instrument, direction and target of a signal."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which the future shows."""

    kind: str
    """`cut`, `other_future`, `other_data`, `fill_time` or `fill_price`."""
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what was found."""

    signals: int
    fills: int
    cuts: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    decisions: list[Decision]
    approvals: dict[str, OrderApproved]
    fills: list[Fill]


class _Market:
    """All data of a session in memory, to be cut and changed."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self.parts: list[tuple[Instrument, list[Batch]]] = [
            (feed.instrument, [each for each in feed.columns() if isinstance(each, BATCHES)])
            for feed in feeds
        ]

    def feeds(self) -> list[BatchFeed]:
        return [BatchFeed(instrument, batches) for instrument, batches in self.parts]

    def cut(self, ts: int) -> list[BatchFeed]:
        """Nothing after `ts`."""
        return [BatchFeed(key, [part for part, _ in _split(batches, ts)]) for key, batches in self.parts]

    def with_other_future(self, ts: int) -> list[BatchFeed]:
        """The same up to `ts`, and prices mirrored at their last from there on."""
        made = []
        for key, batches in self.parts:
            pieces: list[Batch] = []
            for before, after in _split(batches, ts):
                pieces += [before, _mirrored(after)] if len(after.ts_init) else [before]
            made.append(BatchFeed(key, pieces))
        return made

    def mirrored(self) -> list[BatchFeed]:
        """Every rise a fall."""
        return [BatchFeed(key, [_mirrored(each) for each in batches]) for key, batches in self.parts]


def check_lookahead(document: dict[str, Any], feeds: Sequence[Feed], cuts: int = CUTS) -> Checked:
    """Look for the future in what the strategies of a resolved document decide over these feeds.

    A parameter that names a file of the data is given a file cut in the same way.
    """
    session = SessionConfig.model_validate(document["session"])
    for feed in feeds:
        feed.instrument = session.by_key[feed.instrument.instrument]
    market = _Market([feed for feed in feeds if feed.instrument.instrument in session.by_key])
    base = _run(document, market.feeds())
    findings: list[Finding] = []
    places = _places(base.decisions, cuts)
    for ts in places:
        with _cut_files(document, market, ts) as changed:
            findings += _compare("cut", "data end", base, _run(changed, market.cut(ts)), ts)
        findings += _compare(
            "other_future", "prices go another way", base, _run(document, market.with_other_future(ts)), ts
        )
    if base.decisions and _run(document, market.mirrored()).decisions == base.decisions:
        text = "it decides the same when it is shown a mirrored market: it reads its data elsewhere"
        findings.append(Finding("other_data", text))
    findings += _check_fills(document, base, market)
    once = {(each.kind, each.text): each for each in findings}
    return Checked(len(base.decisions), len(base.fills), len(places), tuple(once.values()))


def _run(document: Mapping[str, Any], feeds: Sequence[BatchFeed]) -> _Outcome:
    outcome = _Outcome([], {}, [])

    def sink(_producer: str, made: list[Message]) -> None:
        for message in made:
            if type(message) is Signal:
                target = f"{message.target_kind.value} {message.target}"
                outcome.decisions.append(
                    (message.ts, message.strategy, message.instrument, message.direction.value, target)
                )
            elif type(message) is OrderApproved:
                outcome.approvals[message.order_id] = message
            elif type(message) is Fill:
                outcome.fills.append(message)
            elif type(message) is Note and message.level == "error":
                outcome.decisions.append((message.ts, message.strategy, "", "error", message.text))

    stages = Stages.of(dict(document), commands=False)
    start, grid = stages.session.start, stages.session.grid
    last = max((ts for feed in feeds if (ts := feed.last_time()) is not None), default=start)
    hours = hours_feeds((feed.instrument for feed in feeds), start, last)
    stages.history(sink).run(Chunks([*feeds, *hours], grid, start), start)
    return outcome


def _places(decisions: Sequence[Decision], cuts: int) -> list[int]:
    """Times right at decisions, spread evenly over all of them."""
    times = sorted({each[0] for each in decisions})
    if len(times) <= cuts:
        return times
    return [times[at * (len(times) - 1) // (cuts - 1)] for at in range(cuts)] if cuts > 1 else times[-1:]


def _compare(kind: str, what: str, base: _Outcome, other: _Outcome, ts: int) -> list[Finding]:
    known = [each for each in base.decisions if each[0] <= ts]
    found = [each for each in other.decisions if each[0] <= ts]
    if known == found:
        return []
    first = next((pair for pair in zip(known, found, strict=False) if pair[0] != pair[1]), None)
    if first is None:
        longer = known if len(known) > len(found) else found
        at, more = longer[min(len(known), len(found))], "decides" if longer is found else "does not decide"
        said = f"it {more} {_told(at)}"
    else:
        said = f"it decides {_told(first[1])} instead of {_told(first[0])}"
    return [Finding(kind, f"when {what} after {rfc3339(ts)}, {said}")]


def _told(decision: Decision) -> str:
    ts, strategy, instrument, direction, target = decision
    return f"{direction} {instrument} ({strategy}, {target}) at {rfc3339(ts)}".replace("  ", " ")


def _check_fills(document: Mapping[str, Any], base: _Outcome, market: _Market) -> Iterator[Finding]:
    paper = document["execution"]["paper"]
    latency = int(paper["submit_latency_ns"])
    margin = (float(paper["spread_bps"]) / 2 + float(paper["slippage_bps"])) / 10_000 + 1e-9
    bars = {
        key.instrument: batches for key, batches in market.parts if batches and type(batches[0]) is BarBatch
    }
    for fill in base.fills:
        order = base.approvals[fill.order_id]
        if order.reason != "signal":
            continue
        if fill.ts < order.ts + latency:
            text = (
                f"a fill in {fill.instrument} at {rfc3339(fill.ts)}, before its order, decided at "
                f"{rfc3339(order.ts)}, takes effect"
            )
            yield Finding("fill_time", text)
        elif fill.instrument in bars:
            found = _bar_at(bars[fill.instrument], fill.ts)
            price = float(fill.price)
            if found is not None and not found[0] * (1 - margin) <= price <= found[1] * (1 + margin):
                text = (
                    f"a fill in {fill.instrument} at {rfc3339(fill.ts)} at {fill.price}, outside the bar "
                    f"that trades then ({found[0]:g} to {found[1]:g})"
                )
                yield Finding("fill_price", text)


def _bar_at(batches: Sequence[Batch], ts: int) -> tuple[float, float] | None:
    """Low and high of the bar that covers a time; None where none does."""
    at = bisect_right([int(each.ts_event[-1]) for each in batches], ts)
    if at == len(batches):
        return None
    batch = batches[at]
    assert isinstance(batch, BarBatch)
    row = int(np.searchsorted(batch.ts_event, ts, side="right"))
    if int(batch.ts_event[row]) - batch.interval > ts:
        return None
    unit = float(from_scaled(1, batch.price_scale))
    return float(batch.low[row]) * unit, float(batch.high[row]) * unit


def _split(batches: Sequence[Batch], ts: int) -> Iterator[tuple[Batch, Batch]]:
    for batch in batches:
        row = int(np.searchsorted(batch.ts_init, ts, side="right"))
        yield part_of(batch, 0, row), part_of(batch, row, len(batch.ts_init))


def _mirrored(batch: Batch) -> Batch:
    """Prices reflected at the first: what rose falls as far. High and low, bid and ask change places."""
    if isinstance(batch, TradeBatch):
        return replace(batch, price=_reflected(batch.price, batch.price))
    if isinstance(batch, QuoteBatch):
        return replace(batch, bid=_reflected(batch.ask, batch.bid), ask=_reflected(batch.bid, batch.bid))
    if isinstance(batch, BarBatch):
        axis = batch.open
        return replace(
            batch,
            open=_reflected(batch.open, axis),
            high=_reflected(batch.low, axis),
            low=_reflected(batch.high, axis),
            close=_reflected(batch.close, axis),
        )
    return batch


def _reflected(values: Any, axis: Any) -> Any:
    return np.maximum(2 * int(axis[0]) - values, 1)


class _cut_files:  # noqa: N801  (used as a function in `with`)
    """The document, each parameter that names a file of the data naming one that ends where they do."""

    def __init__(self, document: dict[str, Any], market: _Market, ts: int) -> None:
        self._document = document
        self._rows = sum(len(part.ts_init) for _, batches in market.parts for part, _ in _split(batches, ts))
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-")

    def __enter__(self) -> dict[str, Any]:
        sources = [parse_source(each) for each in self._document["ingest"]["sources"]]
        files = {Path(each.path).resolve() for each in sources if each.kind == "replay"}
        strategies = []
        for spec in self._document["session"]["strategies"]:
            parameters = {
                name: self._cut(Path(value))
                if isinstance(value, str) and Path(value).resolve() in files
                else value
                for name, value in spec["parameters"].items()
            }
            strategies.append({**spec, "parameters": parameters})
        return {**self._document, "session": {**self._document["session"], "strategies": strategies}}

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _cut(self, file: Path) -> str:
        target = Path(self._folder.name) / file.name
        if file.suffix in {".parquet", ".pq"}:
            pl.read_parquet(file).head(self._rows).write_parquet(target)
            return str(target)
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rb") as whole, opened(target, "wb") as part:
            for number, line in enumerate(whole):
                if number > self._rows:
                    break
                part.write(line)
        return str(target)
