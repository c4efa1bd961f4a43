"""A small market traded over a real log, its services killed on the way or not, and its orders' traces."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.config.document import dump
from penstock.config.resolve import Resolved
from penstock_contracts.base import Message
from penstock_contracts.control import Claim
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark
from penstock_contracts.orders import OrderApproved
from penstock_ingest.build import build_schedule
from penstock_kernel.chain import Chain
from penstock_kernel.topology import STAGES
from penstock_research.chained import Stages
from penstock_runtime.drivers import ChainDriver, StageDriver
from penstock_runtime.log import Delivered, Log, LogReader, NumberedWriter
from penstock_runtime.log.writer import Cause
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.tracing.reading import order_spans
from penstock_runtime.tracing.spans import Span
from support.cli import resolved, write_bars
from support.runtime import Running, new_session, start_service

SESSION = "s-1"
Intervals = list[tuple[list[Message], Mark]]
Tree = dict[str, list[tuple[str, str, str, str]]]
"""Of each order: trace, span, parent and name of every span."""


@dataclass
class Market:
    """What ingest gives, up to the mark where all is flat."""

    chosen: Resolved
    intervals: Intervals
    approving: set[int]
    """Intervals in which an order is approved."""

    @staticmethod
    def of(folder: Path, bars: int = 200) -> Market:
        """Bars that swing, so that averages cross again and again."""
        chosen = resolved(f"replay:{write_bars(folder / 'bars.csv', bars, period=40)}", session_id=SESSION)
        stages = Stages.of(chosen.document)
        chain, schedule = Chain(stages.by_name()), build_schedule(chosen.ingest, stages.session)
        intervals: Intervals = []
        approving: set[int] = set()
        while True:
            messages, mark = schedule.next_interval()
            decided = chain.interval(messages, mark)["risk"]
            if any(isinstance(each, OrderApproved) for each in decided):
                approving.add(len(intervals))
            intervals.append((messages, mark))
            if mark.ended and decided[-1].flat:
                return Market(chosen, intervals, approving)

    def settings(self, nats_url: str, folder: Path) -> ServiceSettings:
        """Settings of a service that snapshots all the time."""
        path = folder / "config.json"
        path.write_text(dump(self.chosen.document))
        return ServiceSettings(config=path, nats_url=nats_url, data_dir=folder, snapshot_interval_s=0.02)


class Traded:
    """One session of a market over the log."""

    def __init__(self, market: Market, log: Log, settings: ServiceSettings, *, fused: bool) -> None:
        self._market, self._log, self._settings = market, log, settings
        self._names = ("fused",) if fused else STAGES
        self._services: dict[str, Running] = {}

    async def run(self, *, kills: bool = False, repeats: int = 0) -> None:
        """Trade; stop or kill the services while orders are under way, or put what the log holds in again."""
        log = self._log
        genesis = await new_session(log, SESSION)
        for name in self._names:
            await self._start(name)
        epoch = await log.claim(Claim(producer="ingest", nonce="n", succeeds=genesis))
        writer = NumberedWriter(log, "ingest", session_id=SESSION, config="")
        writer.begin(epoch, 0, 0)
        writer.live = True
        reader = await log.reader(("ven",))
        chance = random.Random(3)
        intervals = self._market.intervals
        repeated = chance.sample(range(5, len(intervals) - 5), repeats)
        approving = self._market.approving
        for number, (messages, mark) in enumerate(intervals):
            for message in (*messages, mark):
                writer.put(message, mark.ts, Cause(received_ns=number + 1))
            writer.pump()
            if kills and (number in approving or number - 1 in approving) and number + 1 < len(intervals):
                await _until(reader, mark.ts)
                await self._restart(gently=chance.random() < 0.5)
            if number in repeated:
                await self._repeat(chance)
        await _until(reader, intervals[-1][1].ts)
        await reader.stop()
        for service in self._services.values():
            await service.drain()

    async def trees(self) -> Tree:
        """The traces of all orders, as the log tells them."""
        orders = [
            each.decode().order_id for each in await stored(self._log, ("ord",)) if each.kind == "approved"
        ]
        return {order: sorted(map(key, await order_spans(self._log, order))) for order in orders}

    async def _start(self, name: str) -> None:
        stages = Stages.of(self._market.chosen.document).by_name()
        driver: Any = ChainDriver(stages) if name == "fused" else StageDriver(name, stages[name])
        self._services[name] = await start_service(name, driver, self._log, self._settings)

    async def _restart(self, *, gently: bool) -> None:
        """Gently leaves a snapshot of this very moment."""
        for name in self._names:
            service = self._services[name]
            await (service.drain() if gently else service.kill())
            await self._start(name)

    async def _repeat(self, chance: random.Random) -> None:
        """What a publisher does that thinks something was lost."""
        last = await self._log.last_sequence()
        first = max(3, last - 50)
        for sequence in sorted(chance.sample(range(first, last + 1), min(20, last + 1 - first))):
            message = await self._log.js.get_msg(self._log.stream, sequence)
            await self._log.js.publish(message.subject or "", message.data or b"", headers=message.headers)


def key(span: Span) -> tuple[str, str, str, str]:
    """What must be the same whatever happens: all but the times."""
    return span.trace_id, span.span_id, span.parent_id, span.name


async def stored(log: Log, families: tuple[Any, ...]) -> list[Delivered]:
    """What every reader takes of some families."""
    reader = await log.reader(families)
    last = await log.last_sequence()
    found: list[Delivered] = []
    while reader.sequence < last:
        delivered = reader.poll()
        if delivered is not None:
            found.append(delivered)
        elif reader.at_tail:
            break
        else:
            await reader.wait(60.0)
    await reader.stop()
    return found


async def _until(reader: LogReader, mark: int) -> None:
    while True:
        delivered = reader.poll()
        if delivered is None:
            assert await reader.wait(120.0), "nothing comes any more"
            continue
        if delivered.kind == "done":
            done = delivered.decode()
            assert isinstance(done, Done)
            if done.ts >= mark:
                return
