"""Live execution as a service: the one writer of `ven` where a real venue fills the orders.

It is no stage: it waits for no mark. It sends when an approval arrives, and ends every interval with one
`done`, so that those who wait for the venue's word go on.
"""

import asyncio

import structlog
from penstock_contracts import subjects
from penstock_contracts.base import Message
from penstock_contracts.control import Claim, Command
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark
from penstock_contracts.orders import CancelRequested, OrderApproved
from penstock_contracts.types import OrderState
from penstock_kernel.errors import HaltError
from penstock_runtime import edge
from penstock_runtime.errors import Halt, Unavailable
from penstock_runtime.health import Health, report_for_ever
from penstock_runtime.killfile import KillFile
from penstock_runtime.log import Cursor, Delivered, Log, LogReader, NumberedWriter
from penstock_runtime.log.writer import Cause
from penstock_runtime.order_log import OrderLog
from penstock_runtime.service import surface
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.submissions import Submissions
from penstock_venues.gateway import OrderGateway

from penstock_execution.config import ExecutionConfig
from penstock_execution.errors import RepeatedOrder
from penstock_execution.live import past
from penstock_execution.live.alarm import Alarm
from penstock_execution.live.desk import LiveDesk
from penstock_execution.live.event_time import EventTime
from penstock_execution.live.guard import EgressGuard
from penstock_execution.live.line import Clocks, Line
from penstock_execution.live.market import MarketWatch
from penstock_execution.live.requests import Requests

_log = structlog.get_logger(__name__)
_NO_CAUSE = Cause()
_DRAIN_S = 8.0
_CANCEL_S = 2.0


class LiveExecution:
    """Claims the venue, folds what earlier writers told, reconciles with the venue, and trades."""

    def __init__(
        self,
        log: Log,
        guard_log: Log,
        settings: ServiceSettings,
        config: ExecutionConfig,
        gateway: OrderGateway,
        clocks: Clocks | None = None,
    ) -> None:
        session = settings.session
        self._log, self._guard_log, self._settings = log, guard_log, settings
        self._clocks = clocks = clocks or Clocks()
        self._wake = asyncio.Event()
        self._writer = NumberedWriter(
            log, past.NAME, session_id=session.session_id, config=settings.config_hash
        )
        self._time = EventTime(session.grid, session.start)
        self.guard = EgressGuard(config.guard, config.live, session.instruments, clocks.monotonic_s())
        self.desk = LiveDesk(gateway.venue, session.session_id, self._say, self._now, self._alarmed)
        self._submissions = Submissions(log, gateway.venue)
        self.requests = Requests(
            Line(gateway, config.live, clocks),
            self._submissions,
            self.desk,
            self.guard,
            config.live,
            session.session_id,
            self._still_ours,
            self._wake.set,
        )
        self._kill_file = KillFile(settings.data_dir)
        self._alarm = Alarm(guard_log, session.session_id, self.guard.halts, clocks)
        self._market = MarketWatch(log, self._wake.set, self._hear_mark, self.guard)
        self._own: LogReader | None = None
        self._orders: LogReader | None = None
        self._control: LogReader | None = None
        self._cause = _NO_CAUSE
        self._causes: dict[str, Cause] = {}
        self._said = 0
        self._stopping = False
        self._order_log = OrderLog()
        self.health = Health(past.NAME)

    # --- Start ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read what earlier writers told, claim, and take over. Raises what makes that impossible."""
        await self._submissions.open(synced=self._settings.log_sync == "always")
        genesis = await self._log.genesis()
        self._market.begin(genesis)
        own = self._own = LogReader(self._log, ("ven",), Cursor(genesis))
        orders = self._orders = LogReader(self._log, ("ord",), Cursor(genesis), wake=self._wake.set)
        control = self._control = LogReader(self._guard_log, ("ctl",), Cursor(genesis), wake=self._wake.set)
        for reader in (own, orders, control):
            await reader.start()
        before = await past.take_over(self._log, own, orders)
        await edge.to_the_tail(control, self._hear_control)
        self._writer.begin(before.epoch, 0, 0)
        self._writer.live = True
        self.requests.epoch = before.epoch
        past.fold_past(self.desk, before)
        self._time.marked(max(past.last_mark(before), self._time.mark), self._clocks.monotonic_s())
        submissions = await self._submissions.load(self._settings.session.session_id)
        self.requests.sent_at |= {key: each.ts for key, each in submissions.items()}
        past.adopt(self.desk, submissions)
        for heard, delivered in before.orders:
            self._hear_order(heard, delivered)
        await self._market.start(self._time.mark)
        self.health.state = "running"
        _log.info("claimed", epoch=before.epoch, mark=self._time.mark, working=len(self.desk.working))

    # --- The loop ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Send nothing more, and end when what was told is confirmed. Orders stay at the venue."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Trade until `stop`. Raises what makes going on wrong, after cancelling what works."""
        tasks = [
            asyncio.create_task(report_for_ever(self.health, self._log, self._refresh)),
            asyncio.create_task(self._tick()),
            asyncio.create_task(self.requests.listen()),
        ]
        for task in tasks:
            task.add_done_callback(lambda _: self._wake.set())
        try:
            while not self._stopping:
                self._wake.clear()
                surface(*tasks)
                self._turn()
                await self._wake.wait()
            await self._drain()
        except (Halt, HaltError) as error:
            await self.requests.cancel_everything(_CANCEL_S)
            raise Halt(f"execution: {error}") from error
        finally:
            for task in tasks:
                task.cancel()
            await self.requests.close()

    def _turn(self) -> None:
        if self.requests.failure is not None:
            raise self.requests.failure
        self._hear_control()
        self._market.hear()
        assert self._orders is not None
        assert self._own is not None
        for heard, delivered in past.hear(self._orders, self._risk_spoke):
            self._hear_order(heard, delivered)
        edge.read_back(self._own, self._writer)
        self._guard_what_works()
        self.requests.chase()
        self._writer.pump()
        self._log.flush()
        self._order_log.write()

    def _risk_spoke(self, delivered: Delivered) -> None:
        self.health.events += 1
        clocks = self._clocks
        self.guard.risk_spoke(delivered.received_ns, clocks.wall_ns(), clocks.monotonic_s())

    def _hear_control(self) -> None:
        control = self._control
        assert control is not None
        while (delivered := control.poll()) is not None:
            if delivered.kind == "command":
                command: Command = past.decoded(delivered)
                self._alarm.read_back(command)
                self.guard.halts.command(delivered.sequence, command)
            elif delivered.kind == "claim":
                claim: Claim = past.decoded(delivered)
                self._market.claimed(delivered.sequence, claim)

    def _hear_order(self, heard: past.Heard, delivered: Delivered) -> None:
        if isinstance(heard, OrderApproved):
            self._approved(heard, delivered)
        elif isinstance(heard, CancelRequested):
            self._cancel(heard, delivered)
        else:
            self.guard.halts.answer(heard)

    def _approved(self, approval: OrderApproved, delivered: Delivered) -> None:
        self._writer.lineage.took(approval, delivered.block)
        known = self.desk.orders.get(approval.client_order_id)
        if known is not None:
            if known.approval != approval:
                raise RepeatedOrder(f"order {approval.client_order_id} was approved twice")
            return
        self._cause = self._causes[approval.order_id] = Cause.of(delivered)
        received = delivered.received_ns
        rule = self.guard.blocks(approval, received, self._clocks.wall_ns(), self._clocks.monotonic_s())
        if not rule and self.requests.line.backing_off:
            rule = "backing_off"
        if rule:
            self.desk.block(approval, rule)
            _log.warning("blocked", order=approval.order_id, rule=rule)
        else:
            self.health.latency.add((self._clocks.wall_ns() - received) / 1000)
            self.requests.send(self.desk.submit(approval), self.guard.expires(received))
        self._cause = _NO_CAUSE

    def _cancel(self, request: CancelRequested, delivered: Delivered) -> None:
        order = self.desk.working.get(request.order_id)
        if order is not None:
            self._cause = Cause.of(delivered)
            self.desk.request_cancel(order, request.reason)
            self._cause = _NO_CAUSE

    def _guard_what_works(self) -> None:
        reason = self.guard.must_cancel(self._clocks.monotonic_s())
        if not reason:
            return
        for order in list(self.desk.working.values()):
            if order.state is not OrderState.CANCEL_PENDING:
                self.desk.request_cancel(order, f"guard:{reason}")

    def _hear_mark(self, mark: Mark, delivered: Delivered) -> None:
        monotonic = self._clocks.monotonic_s()
        self.guard.mark(delivered.received_ns, self._clocks.wall_ns(), monotonic)
        if mark.ts <= self._time.mark:
            return
        done = Done(
            ts=mark.ts, start=mark.start, ended=mark.ended, commands=mark.commands, quiet=not self._said
        )
        self._writer.put(done, mark.ts, Cause.of(delivered))
        self._said = 0
        self._time.marked(mark.ts, monotonic)

    # --- What it says --------------------------------------------------------------------------------

    def _say(self, message: Message) -> None:
        cause = self._cause
        order_id = getattr(message, "order_id", "")
        if cause is _NO_CAUSE and order_id:
            cause = self._causes.get(order_id, _NO_CAUSE)
        self._writer.put(message, self._now(), cause)
        self.health.tally.made(message, known=False)
        self._order_log.made(message, self._writer.traceparent)
        self._said += 1
        self.health.outputs += 1
        if order_id and order_id not in self.desk.working:
            self._causes.pop(order_id, None)
        self._wake.set()

    def _now(self) -> int:
        return self._time.now(self._clocks.monotonic_s())

    def _alarmed(self, reason: str) -> None:
        self.health.errors += 1
        self.health.error = reason
        self._alarm.raise_for(reason)

    async def _tick(self) -> None:
        stillness = edge.Stillness(self._writer)
        while True:
            await asyncio.sleep(edge.TICK_S)
            await stillness.look()
            command = self._kill_file.look(self._clocks.wall_ns())
            self.guard.kill_file = self._kill_file.present
            if command is not None:
                self._alarm.call(command)
            await self._alarm.write()
            self._wake.set()

    async def _still_ours(self) -> bool:
        """Ask the log for the last claim: ours, or one that no reader honours."""
        own, epoch = self._own, self._writer.epoch
        assert own is not None
        subject = subjects.claim_subject(self._log.partition, past.NAME)
        try:
            last = await edge.last_sequence_of(self._log, subject)
        except Unavailable as error:
            _log.warning("epoch_not_known", error=str(error))
            return False
        return last == epoch or (own.sequence >= last and own.counter(past.NAME).epoch == epoch)

    # --- The end, health -----------------------------------------------------------------------------

    async def _drain(self) -> None:
        self.health.state = "draining"
        assert self._own is not None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _DRAIN_S
        while self.requests.sending or self._writer.unconfirmed:
            if loop.time() > deadline:
                raise Unavailable("execution: outputs stayed unconfirmed while draining")
            self._wake.clear()
            edge.read_back(self._own, self._writer)
            self._writer.pump()
            self._log.flush()
            await edge.wait_at_most(self._wake, edge.TICK_S)
        self.health.state = "stopped"
        await self.health.send(self._log)
        _log.info("drained", working=len(self.desk.working))

    def _refresh(self) -> None:
        tally = self.desk.tally
        self.health.mark = self._time.mark
        self.health.lag = self.health.unconfirmed = self._writer.unconfirmed
        self.health.went_back = self._writer.went_back
        self.health.view = {
            "orders": tally.submitted,
            "blocked": tally.blocked,
            "fills": tally.fills,
            "working": len(self.desk.working),
            "unknown": tally.unknown,
            "adopted": tally.adopted,
            "lost": tally.lost,
            "external": sorted(tally.external),
            "halted": self.guard.halts.hold,
            "closed": self.guard.closed(self._clocks.monotonic_s()),
        }
