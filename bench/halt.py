"""A halt while the stages are a million market messages behind.

A session at 1x on paper, each trade a message of its own. The features service is paused until so many trades
are queued before it, then goes on, and as soon as orders come out again a halt is commanded.

Two times are told. In event time, which is paper's only time, the halt takes effect at the mark that carries
it: no order may be decided later than that. By the wall clock the stages must first work off what lies before
that mark; that time grows with the backlog, and is given beside it. A live venue does not wait for it: there
the egress guard reads `ctl` itself.
"""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from penstock.launch.commands import command
from penstock.launch.paths import DataDir
from penstock_contracts.market import Mark
from penstock_contracts.orders import OrderApproved, TradingStateChanged
from penstock_contracts.types import TradingState
from penstock_runtime.log import Delivered, Log
from penstock_runtime.log.consumer import OrderedConsumer

from bench import halt_live
from bench.figures import Figure
from bench.session import SessionFailed, process_name, running
from bench.sessions import OPEN, symbols

QUEUED = 1_000_000
RATE_PER_S = 8_000
"""Offered; what ingest cannot write at once it writes later."""
SYMBOLS = 4
ORDER_EVERY = 400
"""Trades of an instrument."""
LAST_ORDER_MS = 250.0
START_TIMEOUT_S, TIMEOUT_S = 60.0, 1_800.0
FILTERS = ("ord.*.approved.>", "ord.*.state.>", "md.*.mark.>")


@dataclass(slots=True)
class Observer:
    """Approvals, trading states and marks as they arrive, past everything that is queued elsewhere."""

    log: Log
    halt: str = ""
    """Id of the command."""
    approved: list[tuple[float, int]] = field(default_factory=list)
    """Arrival (`time.monotonic`) and event time, ns, of each approval."""
    halted_at: float | None = None
    mark_at: float | None = None
    mark_ts: int = 0
    """Of the mark that carries the command."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _consumer: OrderedConsumer | None = None

    async def start(self) -> None:
        """Begin at the session's genesis."""
        filters = [f"p{self.log.partition}.{each}" for each in FILTERS]
        self._consumer = await self.log.consumer(filters, self._wake.set)
        await self._consumer.start(await self.log.genesis(), "")

    async def until_approvals(self, count: int) -> None:
        """Wait for so many more approvals."""
        wanted = len(self.approved) + count
        await self._until(lambda: len(self.approved) >= wanted, f"{count} approvals")

    async def until_halted(self) -> None:
        """Wait until risk says so, and the mark that brought it was seen."""
        await self._until(lambda: self.halted_at is not None and self.mark_at is not None, "the halt")

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        assert self._consumer is not None
        deadline = time.monotonic() + TIMEOUT_S
        while not holds():
            if time.monotonic() > deadline:
                raise SessionFailed(f"not within {TIMEOUT_S:.0f} s: {what}")
            self._wake.clear()
            while (raw := self._consumer.take()) is not None:
                self._take(Delivered(*raw))
            if not holds():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), 1.0)

    def _take(self, delivered: Delivered) -> None:
        now, message = time.monotonic(), delivered.decode()
        match message:
            case OrderApproved():
                self.approved.append((now, message.ts))
            case TradingStateChanged() if message.state is TradingState.HALTED:
                self.halted_at = self.halted_at or now
            case Mark() if any(each.command_id == self.halt for each in message.commands):
                self.mark_at, self.mark_ts = now, message.ts
            case _:
                pass


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """The last new order after a halt: on paper in event time, with the wall clock's beside it; live."""
    queued = QUEUED // 50 if quick else QUEUED
    return asyncio.run(_both(folder, queued))


async def _both(folder: Path, queued: int) -> list[Figure]:
    return [*await _paper(folder, queued), await halt_live.measure(folder / "live", queued)]


async def _paper(folder: Path, queued: int) -> list[Figure]:
    async with _session(folder) as (process, log):
        observer = Observer(log)
        await observer.start()
        await observer.until_approvals(20)
        waiting = await _pile_up(process, log, queued)
        await observer.until_approvals(5)
        halt = command("halt", "a measurement", by="bench")
        observer.halt, given = halt.command_id, time.monotonic()
        await log.publish_command(halt)
        await observer.until_halted()
        return _figures(observer, given, waiting)


def _figures(observer: Observer, given: float, waiting: int) -> list[Figure]:
    assert observer.mark_at is not None
    assert observer.halted_at is not None
    after = [(at, ts) for at, ts in observer.approved if at > given]
    last_at = max((at for at, _ in after), default=given)
    # Decided at the mark itself or before it: the mark's interval is the last in which anything is new.
    beyond_ms = max(0.0, max((ts - observer.mark_ts for _, ts in after), default=0) / 1e6)
    details = {
        "messages_queued": waiting,
        "orders_after_the_command": len(after),
        "wall_ms_to_last_order": round(1000 * (last_at - given), 1),
        "wall_ms_to_halted": round(1000 * (observer.halted_at - given), 1),
    }
    where, to_mark_ms = f"halt behind {waiting:,} messages", 1000 * (observer.mark_at - given)
    return [
        Figure(f"{where}: command to its mark", to_mark_ms, "ms", "below", LAST_ORDER_MS),
        Figure(
            f"{where}, paper: last new order after that mark, event time", beyond_ms, "ms", "below",
            LAST_ORDER_MS, details=details,
        ),
    ]  # fmt: skip


async def _pile_up(process: psutil.Process, log: Log, queued: int) -> int:
    """Pause features until so many trades lie behind what it has read, and let it go on."""
    (features,) = [
        each for each in process.children(recursive=True) if process_name(each.cmdline()) == "features"
    ]
    before = await _trades(log)
    features.send_signal(signal.SIGSTOP)
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while (waiting := await _trades(log) - before) < queued:
            if time.monotonic() > deadline:
                raise SessionFailed(f"{waiting} of {queued} trades after {TIMEOUT_S:.0f} s")
            await asyncio.sleep(0.5)
    finally:
        features.send_signal(signal.SIGCONT)
    return waiting


async def _trades(log: Log) -> int:
    """Trade messages in the log."""
    subjects_filter = f"p{log.partition}.md.v1.trade.>"
    state = (await log.js.stream_info(log.stream, subjects_filter=subjects_filter)).state
    return sum((state.subjects or {}).values())


@asynccontextmanager
async def _session(folder: Path) -> AsyncIterator[tuple[psutil.Process, Log]]:
    """`penstock paper` with a flow of single trades, and a connection to its log; killed afterwards."""
    settings = {
        "ingest.synthetic.symbols": symbols(SYMBOLS), "ingest.synthetic.rate": RATE_PER_S / SYMBOLS,
        "ingest.synthetic.bursts": 0, "ingest.synthetic.jumps": 0, "ingest.synthetic.regimes": "false",
        "ingest.batch_rows": 1,
    }  # fmt: skip
    strategy = f"{Path(__file__).with_name('strategies.py')}:EveryNth:every={ORDER_EVERY}"
    arguments = [
        sys.executable, "-m", "penstock", "paper", "--source", "synthetic:7", *OPEN,
        *(f"--set={name}={value}" for name, value in settings.items()), "--strategy", strategy,
        "--data-dir", str(folder / "data"), "--out", str(folder / "out"),
    ]  # fmt: skip
    with (folder / "terminal.txt").open("wb") as terminal:
        child = await asyncio.create_subprocess_exec(*arguments, stdout=terminal, stderr=subprocess.STDOUT)
    try:
        where = await asyncio.wait_for(running(DataDir.at(folder / "data")), START_TIMEOUT_S)
        log = await Log.connect(where.nats_url, partition=where.partition, name="bench")
        yield psutil.Process(child.pid), log
        await log.close()
    finally:
        # What is measured is over, and its backlog would take minutes to end in good order. The services and
        # servers are on the launcher's leash.
        child.kill()
        await child.wait()
