"""A stand for live execution: a real log, scripted risk and marks, a fake venue, and the service under test.

Risk and ingest are played by writers of the log's own numbering; everything that execution does is real. The
venue outlives the service, which may be cut off at any moment and started again.
"""

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from penstock_contracts.base import Message
from penstock_contracts.columns import text_column
from penstock_contracts.control import Claim, Command, Session
from penstock_contracts.features import Prices
from penstock_contracts.instrument import Instrument
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark, TradeBatch
from penstock_contracts.orders import CancelRequested, OrderApproved, TradingStateChanged
from penstock_contracts.types import InstrumentKind, OrderType, Side, TradingState
from penstock_contracts.venue import Fill, OrderAccepted, OrderChanged, OrderSubmitted
from penstock_execution.config import ExecutionConfig, GuardConfig, LiveConfig
from penstock_execution.live.line import Clocks
from penstock_execution.live.service import LiveExecution
from penstock_kernel.session import SessionConfig
from penstock_runtime.log import Cursor, Log, LogReader, NumberedWriter, StreamLimits
from penstock_runtime.log.writer import Cause
from penstock_runtime.settings import ServiceSettings
from penstock_venues.fake import FakeVenue
from penstock_venues.fake_gateway import FakeGateway

KEY = "btc-usdt.fake"
GRID = 20_000_000
LIVE = LiveConfig(
    gateway="fake-venue-for-tests",
    silence_s_max=3.0,
    lost_after_s=0.3,
    requests_per_second_max=10_000,
    backoff_s_max=0.2,
)
"""As live, with short bounds, so that a thousand trials end."""
GUARD = GuardConfig(orders_per_second_max=100_000)
INSTRUMENT = Instrument(
    instrument=KEY, kind=InstrumentKind.SPOT, base="BTC", quote="USDT", settlement="USDT",
    lot_size=Decimal("0.001"), price_decimals=3, size_decimals=3, fee_maker=Decimal("0.0002"),
    fee_taker=Decimal("0.0005"),
)  # fmt: skip


class Stand:
    """One session on a log of its own."""

    def __init__(
        self, url: str, folder: Path, venue: FakeVenue, live: LiveConfig = LIVE, guard: GuardConfig = GUARD
    ) -> None:
        self.url, self.folder, self.venue, self.live = url, folder, venue, live
        self._config = ExecutionConfig(venue="live", live=live, guard=guard)
        self.log: Log
        self.settings: ServiceSettings
        self.service: LiveExecution | None = None
        self.gateway: FakeGateway | None = None
        self.task: asyncio.Task[None] | None = None
        self.marks_flow = True
        self.risk_speaks = True
        self._halt_seen = False
        self._logs: list[Log] = []
        self._risk: NumberedWriter
        self._ingest: NumberedWriter
        self._reader: LogReader
        self._market: asyncio.Task[None] | None = None
        self._approved = 0
        self._at = 0
        self.told: list[Message] = []
        """What every reader of the log takes of the venue's family."""

    def configure(self, guard: GuardConfig) -> None:
        """Other ceilings, before the service starts."""
        self._config = self._config.model_copy(update={"guard": guard})

    async def open(self, session_id: str = "stand") -> None:
        """Make the streams, a session, and begin to play ingest and risk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        session = SessionConfig(
            session_id=session_id, currency="USDT", capital=Decimal(100_000), grid=GRID,
            instruments=(INSTRUMENT,), strategies=(),
        )  # fmt: skip
        path = self.folder / "config.json"
        path.write_text(json.dumps({"session": session.model_dump(mode="json")}))
        self.settings = ServiceSettings(
            config=path, nats_url=self.url, data_dir=self.folder, log_sync="always"
        )
        self.log = await self._connect("stand")
        await self.log.declare(StreamLimits(bytes_max=1 << 28, submissions_bytes_max=1 << 26))
        genesis = await self.log.write_session(
            Session(phase="genesis", session_id=session_id, ts=1, config_hash="", code_hash="")
        )
        epoch = await self.log.claim(Claim(producer="ingest", nonce="n1", succeeds=genesis))
        self._risk = self._player("risk", genesis)
        self._features = self._player("features", genesis)
        self._ingest = self._player("ingest", epoch)
        self._reader = LogReader(self.log, ("ven", "ctl"), Cursor(genesis))
        await self._reader.start()
        self._at = time.time_ns() // GRID * GRID
        self._interval()
        self._market = asyncio.create_task(self._play())

    async def _connect(self, name: str) -> Log:
        log = await Log.connect(self.url, name=name)
        self._logs.append(log)
        return log

    def _player(self, producer: str, epoch: int) -> NumberedWriter:
        writer = NumberedWriter(self.log, producer, session_id="stand", config="")
        writer.begin(epoch, 0, 0)
        writer.live = True
        return writer

    # --- Ingest and risk ---------------------------------------------------------------------------------

    async def _play(self) -> None:
        while True:
            await asyncio.sleep(GRID / 1e9)
            self._interval()

    def _interval(self) -> None:
        start, self._at = self._at, self._at + GRID
        cause = Cause(received_ns=time.time_ns())
        if self.marks_flow:
            self._put(self._ingest, Mark(ts=self._at, start=start), cause)
            self._put(self._features, _prices(self._at), cause)
        if self.risk_speaks:
            self._put(self._risk, Done(ts=self._at, start=start), cause)
        self.log.flush()

    def frame(self) -> None:
        """Ingest releases so much at once that it leaves as a frame: trades, and the mark that ends them."""
        start, self._at = self._at, self._at + GRID
        cause = Cause(received_ns=time.time_ns())
        for number in range(10):
            self._ingest.put(_trade(start + number + 1), start, cause)
        self._ingest.put(Mark(ts=self._at, start=start), self._at, cause)
        self._ingest.pump()
        self.log.flush()

    def _put(self, writer: NumberedWriter, message: Message, cause: Cause) -> None:
        writer.put(message, self._at, cause)
        # Nobody confirms these: the stand's server stays up, and all of them are sent at once.
        writer.confirmed = writer.made - 1
        writer.pump()

    def approve(self, **changes: Any) -> str:
        """Risk approves an order; returns its id."""
        self._approved += 1
        number = self._approved
        received = changes.pop("received_ns", None) or time.time_ns()
        key = str(changes.pop("order_id", f"o-{number}"))
        order = OrderApproved(
            **{
                "order_id": key, "client_order_id": key, "signal_id": f"s-{number}", "ordinal": number,
                "strategy": "one", "instrument": KEY, "ts": self._at, "side": Side.BUY,
                "type": OrderType.MARKET, "quantity": Decimal(1), "reference_price": Decimal(100), **changes,
            }
        )  # fmt: skip
        self._put(self._risk, order, Cause(received_ns=received))
        self.log.flush()
        return key

    def cancel(self, order_id: str) -> None:
        """Risk wants an order cancelled."""
        request = CancelRequested(order_id=order_id, strategy="one", instrument=KEY, ts=self._at, reason="x")
        self._put(self._risk, request, Cause(received_ns=time.time_ns()))
        self.log.flush()

    def state(self, state: TradingState, command_id: str | None = None) -> None:
        """Risk says its trading state."""
        change = TradingStateChanged(
            ts=self._at, state=state, previous=TradingState.ACTIVE, reason="played", command_id=command_id
        )
        self._put(self._risk, change, Cause(received_ns=time.time_ns()))
        self.log.flush()

    async def command(self, verb: Any, command_id: str, **changes: Any) -> None:
        """An operator's command."""
        now = time.time_ns()
        await self.log.publish_command(
            Command(
                command_id=command_id, verb=verb, ts_issued=now, ts_expires=now + 10**12, by="me", **changes
            )
        )

    # --- The service -----------------------------------------------------------------------------------

    async def start(self, clocks: Clocks | None = None) -> LiveExecution:
        """Start the service on its own connections; ready when it is reconciled."""
        self.gateway = FakeGateway(self.venue)
        log, guard_log = await self._connect("execution"), await self._connect("guard")
        service = LiveExecution(log, guard_log, self.settings, self._config, self.gateway, clocks)
        self.service = service
        self._own_logs = (log, guard_log)
        await service.start()
        self.task = asyncio.create_task(service.run())
        await self.until(lambda: service.guard.reconciled, "reconciled")
        return service

    async def kill(self) -> None:
        """Cut the service off where it is; its connections with it."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await asyncio.gather(*(log.close() for log in self._own_logs), return_exceptions=True)
        self._logs = [each for each in self._logs if each not in self._own_logs]

    async def close(self) -> None:
        """End everything."""
        for task in (self._market, self.task):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self.venue.close()
        await asyncio.gather(*(log.close() for log in self._logs), return_exceptions=True)

    # --- What came of it ---------------------------------------------------------------------------------

    def read(self) -> None:
        """Take what the log has of the venue's family."""
        while (delivered := self._reader.poll()) is not None:
            message = delivered.decode()
            if isinstance(message, Command) and message.verb == "halt":
                self._halt_seen = True
            if delivered.family == "ven":
                self.told.append(message)

    def halt_called(self) -> bool:
        """Whether the log has a halt command."""
        self.read()
        return self._halt_seen

    def of(self, order_id: str) -> list[str]:
        """What was told of an order, a word each."""
        self.read()
        words = {OrderSubmitted: "submitted", OrderAccepted: "accepted", Fill: "fill"}
        found = [each for each in self.told if getattr(each, "order_id", "") == order_id]
        return [words.get(type(each)) or str(each.to_state) for each in found]

    def over(self, order_id: str) -> bool:
        """Whether an order's end was told."""
        last = self.last(order_id)
        if isinstance(last, Fill):
            return not last.quantity_left
        return isinstance(last, OrderChanged) and last.to_state.terminal

    def last(self, order_id: str) -> Message | None:
        """The last that was told of an order."""
        self.read()
        return next((each for each in reversed(self.told) if getattr(each, "order_id", "") == order_id), None)

    @property
    def position(self) -> Decimal:
        """The sum of the fills that were told."""
        self.read()
        fills = [each for each in self.told if isinstance(each, Fill)]
        return sum((each.side.sign * each.quantity for each in fills), Decimal(0))

    async def until(self, true: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
        """Wait for something. TimeoutError names it; an end of the service is raised."""
        deadline = time.monotonic() + timeout_s
        while not true():
            if self.task is not None and self.task.done():
                self.task.result()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s} s: {what}")
            await asyncio.sleep(0.002)

    async def ended(self, *order_ids: str) -> None:
        """Wait until these orders have ended."""
        open_ones = list(order_ids)

        def done() -> bool:
            self.read()
            over = {
                each.order_id for each in self.told
                if (isinstance(each, OrderChanged) and each.to_state.terminal)
                or (isinstance(each, Fill) and not each.quantity_left)
            }  # fmt: skip
            open_ones[:] = [each for each in open_ones if each not in over]
            return not open_ones

        try:
            await self.until(done, "")
        except TimeoutError as error:
            texts = [f"{each}: {self.of(each)}" for each in open_ones[:5]]
            raise TimeoutError(f"{len(open_ones)} orders did not end: {'; '.join(texts)}") from error

    def violations(self) -> list[str]:
        """What must never be: I1, I2, and numbers that do not count."""
        self.read()
        found = [f"{key} reached the venue {n} times" for key, n in self.venue.received.items() if n > 1]
        if self.position != self.venue.positions.get(KEY, Decimal(0)):
            found.append(f"fills told {self.position}, at the venue {self.venue.positions.get(KEY)}")
        numbers: dict[str, int] = {}
        for each in self.told:
            if (key := getattr(each, "order_id", None)) is not None:
                numbers[key] = numbers.get(key, 0) + 1
                if each.number != numbers[key]:
                    found.append(f"{key}: number {each.number} after {numbers[key] - 1}")
        return found


def _trade(ts: int) -> TradeBatch:
    one = np.array([ts], dtype=np.int64)
    return TradeBatch(
        instrument=KEY, source="stand", price_scale=0, size_scale=0, ts_event=one, ts_init=one,
        price=one * 0 + 100, size=one * 0 + 1,
        side=np.ones(1, dtype=np.int8), flags=np.zeros(1, dtype=np.int8),
        trade_id=text_column([str(ts)]),
    )  # fmt: skip


def _prices(ts: int) -> Prices:
    one, zero = np.array([ts], dtype=np.int64), np.zeros(1, dtype=np.int64)
    return Prices(
        instruments=(KEY,), scales=(0,), index=np.zeros(1, dtype=np.int32), ts=one, ts_data=one,
        last=np.array([100], dtype=np.int64), bid=zero, ask=zero,
    )  # fmt: skip
