"""A backtest: the services' own stages over history, whole or step by step."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import polars as pl
from penstock_contracts.base import Message
from penstock_contracts.control import Command, Verb
from penstock_contracts.types import NEVER
from penstock_ingest.config import IngestConfig
from penstock_ingest.feed import Feed
from penstock_ingest.hours import with_hours
from penstock_ingest.schedule import Schedule
from penstock_ingest.sources import open_sources
from penstock_kernel.grid import NS_PER_SECOND
from penstock_kernel.session import SessionConfig

from penstock_research.chained import Stages, chunks_of
from penstock_research.collector import sparing_collector
from penstock_research.compose import REGIME, StrategyLike, compose, nanoseconds
from penstock_research.frames import Data, frame_of, write
from penstock_research.market import Market
from penstock_research.outcome import Result, RunFigures

Progress = Callable[[int, int, int], None]
"""Told the event time, the number of fills, and the rows read so far."""


@dataclass(frozen=True, slots=True)
class Step:
    """One interval, or a run of intervals in which nothing was decided."""

    ts: int
    """Its end, event time, ns."""
    outputs: tuple[tuple[str, Message], ...]
    """What strategy, risk and execution put out in it, with the stage's name."""


class Backtest:
    """One run of one or several strategies over history.

    >>> result = Backtest("btc-perp-1m.csv", "ma_cross", parameters={"fast": 10, "slow": 40}).run()

    Step by step it is an iterator, and takes commands between the steps.
    """

    def __init__(
        self,
        data: Data | str | Path | Sequence[str | Path] | Mapping[str, Data],
        strategy: StrategyLike | Sequence[StrategyLike] = "ma_cross",
        *,
        parameters: Mapping[str, Any] | None = None,
        capital: Decimal | int | str = 100_000,
        currency: str | None = None,
        interval: int | str | None = None,
        profile: str = "conservative",
        risk: Mapping[str, Any] | None = None,
        execution: Mapping[str, Any] | None = None,
        ingest: Mapping[str, Any] | None = None,
        regime: bool = True,
    ) -> None:
        """Data: files; a frame or arrays by column, the instrument then being called `data-usdt`; or frames
        by symbol, such as `{"btc-usdt": frame}`. Frames have `ts` and the columns of bars (open, high, low,
        close, volume), trades (price, size) or quotes (bid, ask). `parameters` are those of a single
        strategy; `risk`, `execution` and `ingest` are settings of those sections. ValueError (DataError for
        data) says what cannot be used.
        """
        strategies = [strategy] if isinstance(strategy, str | type | Mapping) else list(strategy)
        if parameters is not None:
            if len(strategies) != 1 or isinstance(strategies[0], Mapping):
                raise ValueError(
                    "parameters are those of one strategy: give several as mappings with their own"
                )
            strategies = [{"source": strategies[0], "parameters": dict(parameters)}]
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            config = IngestConfig.model_validate(
                {**(ingest or {}), "sources": _sources(data, Path(folder)), "speed": "max"}
            )
            feeds = open_sources(config)
        document = compose(
            feeds,
            config,
            strategies,
            capital=Decimal(str(capital)),
            currency=currency,
            interval=nanoseconds(interval),
            profile=profile,
            risk=risk or {},
            execution=execution or {},
            regime=REGIME if regime else None,
        )
        self._prepare(document, feeds)

    @classmethod
    def of(cls, document: dict[str, Any], feeds: Sequence[Feed]) -> Self:
        """A run of a resolved document over feeds that were opened for it."""
        made = cls.__new__(cls)
        made._prepare(document, feeds)
        return made

    def _prepare(self, document: dict[str, Any], feeds: Sequence[Feed]) -> None:
        self.document = document
        stages = Stages.of(document)
        self.session: SessionConfig = stages.session
        for feed in feeds:
            feed.instrument = self.session.by_key[feed.instrument.instrument]
        feeds = with_hours(feeds, self.session.start)
        self._feeds = feeds
        duration = document["ingest"].get("duration")
        self._schedule = Schedule(feeds, self.session.grid, self.session.start, duration)
        self._chunks = chunks_of(self._schedule, duration)
        sample_ns = int(document["risk"]["sample_interval_s"]) * NS_PER_SECOND
        self.result = Result(self.session, sample_ns, Market(sample_ns))
        self._outputs: list[tuple[str, Message]] = []
        self._stages = stages
        self._history = stages.history(self._take)
        self._steps: Iterator[int] | None = None
        self._commands = 0

    @property
    def planned_end(self) -> int | None:
        """Event time of the end of the data; None when it has none."""
        return self._schedule.planned_end

    @property
    def mark(self) -> int:
        """Event time of the last interval's end."""
        return self._history.mark or self.session.start

    def run(self, progress: Progress | None = None) -> Result:
        """Run to the end of the data. StrategyFailed when a strategy raises."""
        with sparing_collector():
            for ts in self._started():
                self._outputs.clear()
                if progress is not None:
                    progress(ts, len(self.result.tally.fills), self._chunks.rows)
        self._finish()
        return self.result

    def steps(self, every: int | str | None = None) -> Iterator[Step]:
        """Step by step: each interval in which something may be decided alone, the quiet ones between them
        as one step of at most `every` (ns, or text such as `1h`).
        """
        self._history.span_max = nanoseconds(every) or NEVER
        self._history.tells_apart = True
        for ts in self._started():
            outputs = tuple(self._outputs)
            self._outputs.clear()
            yield Step(ts, outputs)
        self._finish()

    def __iter__(self) -> Iterator[Step]:
        """The steps in which something was put out."""
        return (step for step in self.steps() if step.outputs)

    def command(self, verb: Verb, reason: str = "by the program", **fields: Any) -> None:
        """An operator's command (`halt`, `flatten`, `strategy_off`, …), which acts at the next mark."""
        if verb == "stop":
            self._history.end()
            return
        self._commands += 1
        ts = self.mark
        self._history.commands.append(
            Command(
                command_id=f"c-{self._commands}", verb=verb, ts_issued=ts, ts_expires=NEVER, by="backtest",
                reason=reason, **fields,
            )
        )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """What an operator would see of each stage now: positions, equity, working orders, signals."""
        return {name: stage.describe() for name, stage in self._stages.by_name().items()}

    def _started(self) -> Iterator[int]:
        if self._steps is not None:
            raise RuntimeError("this backtest was started already; make another one for another run")
        self._steps = self._history.steps(iter(self._chunks), self.session.start)
        return self._steps

    def _take(self, producer: str, messages: list[Message]) -> None:
        self.result.take(producer, messages)
        if producer != "features":
            self._outputs += [(producer, each) for each in messages]

    def _finish(self) -> None:
        stop = self._stages.risk.status().stop
        ended = stop or ("end_of_data" if self._schedule.next_time is None else "duration")
        self.result.run = RunFigures(
            rows=sum(feed.released for feed in self._feeds),
            quarantined=sum(feed.quarantined.total() for feed in self._feeds),
            stop_reason=ended,
        )


def _sources(data: Any, folder: Path) -> tuple[str, ...]:
    """The data as sources that ingest opens."""
    if isinstance(data, str | Path):
        data = [data]
    if isinstance(data, pl.DataFrame) or (isinstance(data, Mapping) and not _by_symbol(data)):
        data = {"data-usdt": data}
    if isinstance(data, Mapping):
        frames = {symbol: frame_of(symbol, each) for symbol, each in data.items()}
        data = [write(symbol, frame, folder) for symbol, frame in frames.items()]
    files = [Path(each).expanduser().absolute() for each in data]
    if not files:
        raise ValueError("no data: give files, a frame, or frames by symbol")
    return tuple(f"replay:{file}" for file in files)


def _by_symbol(data: Mapping[str, Any]) -> bool:
    return bool(data) and all(isinstance(each, pl.DataFrame | Mapping) for each in data.values())
