"""The shell of ingest: the one writer of market data and marks, and the door for commands."""

import asyncio
import time
from collections.abc import Callable

import structlog
from penstock_contracts.base import Family, Message
from penstock_contracts.codec import rows_of
from penstock_contracts.control import Command, Session
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark, RowQuarantined
from penstock_kernel.topology import PLACES, STAGES
from penstock_runtime import edge, failpoints
from penstock_runtime.errors import Unavailable
from penstock_runtime.health import Health, progress_subject, report_for_ever
from penstock_runtime.killfile import KillFile
from penstock_runtime.log import Cursor, Delivered, Log, LogReader, NumberedWriter, StreamLimits
from penstock_runtime.log.consumer import OrderedConsumer
from penstock_runtime.log.writer import Cause, Output
from penstock_runtime.readers import Readers
from penstock_runtime.service import REST_S, surface
from penstock_runtime.settings import ServiceSettings
from penstock_runtime.version import code_hash

from penstock_ingest import behind
from penstock_ingest.answers import RELEASED_MAX, Answers
from penstock_ingest.config import IngestConfig
from penstock_ingest.door import Door
from penstock_ingest.events import feed_of
from penstock_ingest.schedule import Schedule
from penstock_ingest.stepping import VERB as STEP
from penstock_ingest.stepping import Gate

_log = structlog.get_logger(__name__)

_BURST = 16
"""Intervals released between two looks at what the stages say."""
_OUTAGE_S = 2.0
"""After so long without a confirmation, event time that follows the wall clock stands still."""
RAW_MAX = 2000
"""Characters of a quarantined row that are kept."""
_ENDED_MAX = 2000
"""Marks after the data within which everything must be flat."""


class IngestService:
    """Claims the market data, folds what earlier writers wrote, goes on from there."""

    def __init__(
        self,
        log: Log,
        settings: ServiceSettings,
        config: IngestConfig,
        schedule: Schedule,
        *,
        stages_here: bool = False,
    ) -> None:
        self._log = log
        self._stages_here = stages_here
        """The stages run in this process and report their `done` through `note_done`."""
        self._settings = settings
        self._config = config
        self._schedule = schedule
        self._wake = asyncio.Event()
        self._writer = NumberedWriter(
            log, "ingest", session_id=settings.session.session_id, config=settings.config_hash
        )
        self._own: LogReader | None = None
        self._control: LogReader | None = None
        self._done_consumer: OrderedConsumer | None = None
        self._session_epoch = 0
        self._door = Door()
        self._gate = Gate() if config.stepped else None
        self._released_after: dict[str, int] = {}
        self._last: Mark | None = None
        self._stop_reason = ""
        self._ended_marks = 0
        self._empty = False
        """The last interval released held no data."""
        self._stopping = False
        self._anchor: tuple[float, int] | None = None
        self._confirmed, self._confirmed_at = 0, time.monotonic()
        """Our outputs in the log, and when their number last grew or none was missing."""
        self._kill_file = KillFile(settings.data_dir)
        self._readers = Readers(log, settings.section("log", StreamLimits).age_max_s)
        self._answers = Answers(self._readers, self._rouse)
        self.health = Health("ingest")
        self.on_output: Callable[[Output, Message], None] | None = None
        """Called with each output: stages in this process need not decode what was just encoded."""

    async def start(self) -> None:
        """Read what earlier writers wrote, claim, and take over. Raises Superseded when another won."""
        self._session_epoch = await self._log.genesis()
        # Our own outputs wake nobody: they are looked at when something else does, or at the next tick.
        if self._config.speed_factor == 1.0:
            await self._log.open_patient(REST_S, lambda: self._writer.live)
        self._own = await self._reader(("md",), None)
        await self._door.open(self._log)
        self._control = await self._reader(("ctl",), self._wake)
        if not self._stages_here:
            self._answers.follow(self._session_epoch)
            filters = [f"p{self._log.partition}.{PLACES[each].family}.*.done.>" for each in STAGES]
            filters += [f"p{self._log.partition}.ctl.*.claim.*.{each}" for each in STAGES]
            self._done_consumer = await self._log.consumer(filters, self._wake.set)
            await self._done_consumer.start(self._session_epoch, "")
        await self._log.subscribe_core(progress_subject(self._log.partition), self._answers.progress)
        while not self._own.at_tail:
            self._fold()
            await self._own.wait(0.05)
        self._readers.begin(self._own.sequence)
        await self._readers.look(str)  # before the first release: a small log is full in a moment
        epoch = await self._claim(self._own)
        if self._last is not None:
            self._answers.resume(self._last.ts)
        if self._last is not None or self._released_after:
            self._schedule.resume(self._last, self._released_after)
        self._writer.begin(epoch, 0, 0)
        self._writer.live = True
        self.health.state = "running"
        _log.info("claimed", epoch=epoch, mark=self._last.ts if self._last else 0, rows=self._released_after)

    async def _reader(self, families: tuple[Family, ...], wake: asyncio.Event | None) -> LogReader:
        reader = LogReader(
            self._log, families, Cursor(self._session_epoch),
            wake=wake.set if wake is not None else None, patient=wake is None,
            recognises=self._writer.recognises,
        )  # fmt: skip
        await reader.start()
        return reader

    async def _claim(self, own: LogReader) -> int:
        return await edge.claim(self._log, own, "ingest", self._fold)

    def _fold(self) -> None:
        own = self._own
        assert own is not None
        while (delivered := own.poll()) is not None:
            message = delivered.decode()
            if isinstance(message, Mark):
                self._last = message
                self._readers.saw_mark(message.ts, delivered.sequence)
                self._released_after = {}
                self._door.carried(message)
                if self._gate is not None:
                    self._gate.fold(message)
                self._ended_marks += message.ended
            elif (feed := feed_of(message)) is not None and not self._schedule.defines(message):
                self._released_after[feed] = self._released_after.get(feed, 0) + rows_of(message)

    def stop(self) -> None:
        """Stop here: the session goes on when ingest is started again."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Release data and marks until the session's end or `stop`."""
        every_s = self._settings.report_interval_s
        reporter = asyncio.create_task(report_for_ever(self.health, self._log, self._refresh, every_s))
        ticker = asyncio.create_task(self._tick())
        watcher = asyncio.create_task(
            behind.watch(
                self._log,
                self._answers,
                self.health,
                self._rouse,
                realtime=self._config.speed_factor is not None and self._config.speed_factor <= 1,
            )
        )
        for task in (reporter, ticker, watcher):
            task.add_done_callback(lambda _: self._wake.set())
        try:
            while not self._stopping:
                self._wake.clear()
                surface(reporter, ticker, watcher)
                self._listen()
                if self._over():  # before the next mark is written: after it there is always one to wait for
                    await self._finish()
                    return
                wait_s = self._release()
                self._writer.pump()
                self._log.flush()
                if wait_s is None:
                    await self._wake.wait()
                elif wait_s > 0:
                    await edge.wait_at_most(self._wake, wait_s)
                else:
                    await asyncio.sleep(0)
        finally:
            for task in (reporter, ticker, watcher):
                task.cancel()

    def _listen(self) -> None:
        self._read_own()
        control = self._control
        assert control is not None
        while (delivered := control.poll()) is not None:
            if delivered.kind == "command":
                self._admit(delivered)
            elif delivered.kind == "audit":
                self._door.told(delivered)
        consumer = self._done_consumer
        while consumer is not None and (raw := consumer.take()) is not None:
            self._hear(Delivered.last_of(raw))

    def _hear(self, delivered: Delivered) -> None:
        if (heard := self._answers.hear(delivered)) is not None:
            self.note_done(*heard)

    def _read_own(self) -> None:
        own = self._own
        assert own is not None
        edge.read_back(own, self._writer)
        writer = self._writer
        if writer.confirmed != self._confirmed or not writer.unconfirmed:
            self._confirmed, self._confirmed_at = writer.confirmed, time.monotonic()

    def _admit(self, delivered: Delivered) -> None:
        command = self._door.admit(delivered)
        if command is not None and command.verb == "stop" and not self._stop_reason:
            self._stop_reason = command.reason or "operator"
            self._schedule.end()
        if command is not None and command.verb == STEP and not (self._gate and self._gate.admit(command)):
            _log.warning("no_step", command=command.command_id, stepped=self._gate is not None)

    def note_done(self, producer: str, index: int, done: Done) -> None:
        """Take note that a stage has ended an interval with its output `index`."""
        self._answers.note(producer, index, done, self._read_to)
        self._wake.set()

    @property
    def _read_to(self) -> int:
        return self._own.sequence if self._own is not None else 0

    def _release(self) -> float | None:
        """Release what may be released now. Returns seconds until the next look, None to wait for news."""
        if self._writer.unconfirmed > 2048:
            return None
        if self._schedule.over:
            return self._release_end()
        speed = self._config.speed_factor
        if speed is None:
            return self._release_burst()
        return self._release_paced(speed)

    def _may_release(self) -> bool:
        if self._gate is not None and not self._gate.open:
            return False
        return self._answers.may_release(self._read_to)

    def _release_burst(self) -> float | None:
        """Several intervals at once: what is written in one go is stored and delivered in one go."""
        if self._answers.waited_for > RELEASED_MAX - _BURST:
            return None
        for _ in range(_BURST):
            if self._schedule.over:
                break
            if not self._may_release() or self._release_interval() is None:
                return None
        return 0.0

    def _release_interval(self) -> float | None:
        if self._empty and not self._may_skip():
            if self._answers.waited_for:
                return None  # whether to skip is known when every stage has answered
        elif self._empty:
            self._schedule.skip_to(self._answers.next_due)
        messages = self._schedule.release(self._schedule.mark_ts)
        self._empty = not messages
        self._put_all(messages)
        self._put_mark()
        return 0.0

    def _release_end(self) -> float | None:
        if self._answers.waited_for:
            return None
        if self._ended_marks >= _ENDED_MAX:
            raise RuntimeError(f"{_ENDED_MAX} marks after the data the account is still not flat")
        self._put_mark()
        return 0.0

    def _release_paced(self, speed: float) -> float | None:
        """Event time follows the wall clock; above 1x the stages must keep up within the window."""
        if speed > 1 and not self._may_release():
            return None
        if time.monotonic() - self._confirmed_at > _OUTAGE_S:
            # The log stores nothing. This time is cut out, as that of a restart is: what the market did in it
            # must not be released late as if it were fresh, nor before a halt that was given meanwhile.
            self._anchor = None
            return None
        if self._anchor is None:
            start = self._last.ts if self._last is not None else self._schedule.start
            self._anchor = (time.monotonic(), start)
        began, start = self._anchor
        now = start + int((time.monotonic() - began) * 1e9 * speed)
        mark = self._schedule.mark_ts
        self._put_all(self._schedule.release(min(now, mark)))
        if mark <= now:
            # One interval at a time: however far behind the clock this is, a command acts at the next mark.
            self._put_mark()
            return 0.0
        due = self._schedule.mark_ts
        upcoming = self._schedule.next_time
        if upcoming is not None:
            due = min(due, upcoming)
        return max(0.0002, (due - now) / 1e9 / speed)

    def _may_skip(self) -> bool:
        return self._answers.quiet and not self._door.waits

    def _put(self, message: Message, ts: int, cause: Cause) -> None:
        output = self._writer.put(message, ts, cause)
        if self.on_output is not None and output is not None:
            self.on_output(output, message)

    def _put_all(self, messages: list[Message]) -> None:
        received = Cause(received_ns=time.time_ns())
        for message in messages:
            ts = getattr(message, "ts_init", 0)
            self._put(message, ts if isinstance(ts, int) else int(ts[-1]), received)
        self.health.outputs += len(messages)

    def _put_mark(self) -> None:
        failpoints.hit("before_mark")
        commands = self._door.take()
        until = self._schedule.mark_ts
        for row in self._schedule.take_quarantined():
            kept = RowQuarantined(
                source=row.feed, row=row.row, reason=row.reason, raw=row.text[:RAW_MAX], ts_init=until
            )
            self._put(kept, until, Cause())
        mark = self._schedule.close(commands)
        self._ended_marks += mark.ended
        self._last = mark
        if self._gate is not None:
            self._gate.passed()
        self._answers.released(mark.ts, self._read_to)
        self._put(mark, mark.ts, Cause(received_ns=time.time_ns()))
        failpoints.hit("after_mark")

    def _over(self) -> bool:
        """Everything was released, every stage has answered, and risk is flat."""
        risk = self._answers.last.get("risk")
        if risk is None or self._last is None:
            return False
        if risk.stop and risk.flat and not self._stop_reason:
            self._stop_reason = risk.stop
        if risk.stop and risk.flat and not self._schedule.over:
            self._schedule.end()
        answered = not self._answers.waited_for and risk.ts == self._last.ts
        return bool(self._ended_marks) and answered and risk.flat

    async def _finish(self) -> None:
        while self._writer.unconfirmed:
            self._wake.clear()
            self._read_own()
            self._writer.pump()
            if self._writer.unconfirmed:
                await self._wake.wait()
        failpoints.hit("before_end")
        session = self._settings.session
        await self._log.write_session(
            Session(
                phase="end",
                session_id=session.session_id,
                ts=time.time_ns(),
                config_hash=self._settings.config_hash,
                code_hash=code_hash(),
                stop_reason=self._stop_reason or self._schedule.end_reason,
                outputs={"ingest": self._writer.made, **self._answers.index},
            )
        )
        self.health.state = "ended"
        await self.health.send(self._log)
        _log.info("session_ended", reason=self._stop_reason or self._schedule.end_reason)

    async def _tick(self) -> None:
        stillness = edge.Stillness(self._writer)
        halt: Command | None = None
        while True:
            await asyncio.sleep(edge.TICK_S)
            await stillness.look()
            halt = self._kill_file.look(time.time_ns()) or halt
            if halt is not None and await self._stored(halt):
                halt = None
            if self._door.expired and self._control is not None and self._control.at_tail:
                await self._door.tell_expired(self._log)
            self._wake.set()

    async def _stored(self, halt: Command) -> bool:
        """Write the kill file's halt; False while the log cannot take it: then nothing trades anyway."""
        try:
            await self._log.publish_command(halt)
        except Unavailable as error:
            _log.warning("halt_not_stored", error=str(error))
            return False
        return True

    def _rouse(self) -> None:
        self._wake.set()

    def _refresh(self) -> None:
        health = self.health
        last = self._last
        health.mark = last.ts if last is not None else 0
        health.events = self._schedule.events
        health.lag = self._answers.waited_for
        health.unconfirmed, health.went_back = self._writer.unconfirmed, self._writer.went_back
        health.view = {
            "quarantined": self._schedule.quarantined,
            "ended": self._schedule.over,
            "event_start": self._schedule.start,
            "event_end": self._schedule.planned_end,
            "stepped": self._gate.finished if self._gate is not None else None,
        }
