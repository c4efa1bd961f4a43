"""A paper session run from Python: the same launcher, services and log as `penstock paper`.

    with PaperSession(strategy="ma_cross:fast=4,slow=12", duration="2m") as session:
        for now in session.steps("10s"):
            print(now.event_time, now.equity, now.positions)
        report = session.wait()

The session runs in processes of its own, so it works in scripts, tests and notebooks alike, and goes on when
the interpreter ends. `docs/python.md` tells everything.
"""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from penstock_contracts.control import Command, Verb
from penstock_contracts.orders import TradingStateChanged
from penstock_ingest.config import parse_duration
from penstock_ingest.stepping import MARKS_MAX
from penstock_ingest.stepping import VERB as STEP
from penstock_research.report.final import FinalReport

from penstock.errors import CannotRun, CommandError
from penstock.launch.background import launch
from penstock.launch.commands import NOTHING_NAMED, Part, command
from penstock.launch.figures import Figures
from penstock.launch.paths import DEFAULT_DATA_DIR, DEFAULT_OUT_DIR, DataDir, Running, SessionRecord
from penstock.launch.reach import ask, looks, session_log, step

T = TypeVar("T")
ANSWER_TIMEOUT_S = 10.0
POLL_S = 0.1

__all__ = ["CommandError", "Figures", "FinalReport", "PaperSession", "Part", "SessionRecord"]


class PaperSession:
    """One paper session. Starts with `start()`, or as a context manager; ended when that is left.

    Arguments are the flags of `penstock paper` by name (`strategy` and `source` also as lists); `settings`
    are those of `--set`. Errors are `CommandError`, with the same text that the command line prints.
    """

    def __init__(
        self,
        *,
        source: str | Sequence[str] = (),
        instrument: str | Sequence[str] = (),
        strategy: str | Sequence[str] = (),
        duration: str | None = None,
        speed: str | None = None,
        capital: str | None = None,
        profile: str | None = None,
        config: str | Path | None = None,
        settings: Mapping[str, object] | None = None,
        instruments: str | Path | None = None,
        fused: bool = False,
        stepped: bool = False,
        data_dir: str | Path = DEFAULT_DATA_DIR,
        out: str | Path = DEFAULT_OUT_DIR,
    ) -> None:
        self._place = DataDir.at(Path(data_dir))
        self._stepped = stepped
        if stepped:
            settings, speed = {**(settings or {}), "ingest.stepped": "true"}, speed or "max"
        single = {
            "--duration": duration, "--speed": speed, "--capital": capital, "--profile": profile,
            "--config": config, "--instruments": instruments,
        }  # fmt: skip
        several = {"--source": source, "--instrument": instrument, "--strategy": strategy}
        self._arguments = [part for name, value in single.items() if value for part in (name, str(value))]
        for name, values in several.items():
            for value in [values] if isinstance(values, str) else values:
                self._arguments += [name, value]
        for path, chosen in (settings or {}).items():
            self._arguments += ["--set", f"{path}={chosen}"]
        self._arguments += ["--data-dir", str(self._place.path), "--out", str(Path(out).absolute())]
        self._arguments += ["--fused"] if fused else []
        self._running: Running | None = None
        self._loop = _Loop()
        if not structlog.is_configured():  # what goes wrong is raised; a program's output is its own
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    # --- Begin and end -------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it, and return when it trades. CommandError when something in its configuration is wrong."""
        if self._running is not None:
            raise CommandError(f"session {self.session_id} was started before")
        self._running = launch(self._place, ["paper", *self._arguments, "--detached"])
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it: in good order, or at once when an exception leaves the block."""
        if self.running:
            if kind is None:
                self.stop()
            else:
                self.abort()
        self._loop.close()

    def run(self, timeout_s: float | None = None) -> FinalReport:
        """Start it, wait for its end (its duration, its data, a stop), and return its report."""
        self.start()
        return self.wait(timeout_s)

    def wait(self, timeout_s: float | None = None) -> FinalReport:
        """Wait until it has ended by itself; returns its report. TimeoutError when it has not in time."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.running:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"session {self.session_id} runs for longer than {timeout_s:g} s")
            time.sleep(POLL_S)
        return self.summary()

    def stop(self, timeout_s: float | None = None) -> FinalReport:
        """End it in good order: cancel orders, close positions, write the report, which is returned."""
        self._signal(signal.SIGINT)
        return self.wait(timeout_s)

    def drain(self, timeout_s: float = 60.0) -> None:
        """Stop its processes and leave positions as they are: `penstock up` goes on with it."""
        self._signal(signal.SIGTERM)
        self._until_gone(timeout_s)

    def abort(self, timeout_s: float = 60.0) -> SessionRecord:
        """Stop at once, whatever is open; returns the record, whose `stop_reason` names what that is."""
        self._signal(signal.SIGINT)
        deadline = time.monotonic() + timeout_s
        while self.running and time.monotonic() < deadline:
            time.sleep(POLL_S)
            self._signal(signal.SIGINT)
        self._until_gone(timeout_s)
        return self.record

    # --- Look ----------------------------------------------------------------------------------------

    @property
    def session_id(self) -> str:
        """Its id. CommandError before it was started."""
        return self._known.session_id

    @property
    def running(self) -> bool:
        """Whether its launcher runs."""
        now = self._place.running()
        return self._running is not None and now is not None and now.pid == self._running.pid

    @property
    def record(self) -> SessionRecord:
        """What is kept of it: its status (`running`, `ended`, `stopped`, `failed`) and why it stopped."""
        return self._place.session(self.session_id).read()

    @property
    def folder(self) -> Path:
        """Where its report is, once it has ended."""
        record = self.record
        return record.out / record.session_id

    def figures(self) -> Figures:
        """Money, positions, orders and services as they are now."""
        return self._loop.run(self._look(None))

    def advance(self, event_time: str | int, timeout_s: float = 600.0) -> Figures:
        """Wait until event time has gone on by so much (`10s`, or ns), or the session has ended; look then.

        The session does not pause between two calls: it goes on at its own speed. One that is `stepped`
        stands still between two steps instead.
        """
        if self._stepped:
            raise CommandError(f"session {self.session_id} is stepped: its time goes on with step() alone")
        span = parse_duration(event_time)
        if not isinstance(span, int) or span <= 0:
            raise ValueError(f"{event_time!r} is no time to advance by")
        return self._loop.run(self._look(span, timeout_s))

    def step(self, marks: int = 1, timeout_s: float = 600.0) -> Figures | None:
        """Let so many marks pass, and stand still again; returns the figures as of the last of them.

        A mark ends an interval; intervals in which nothing happens count as one. None when the session has
        ended, because its data is over or something stops it. For sessions that are `stepped`.
        """
        if not self._stepped:
            raise CommandError(f"session {self.session_id} is not stepped: it goes on by itself")
        if not 1 <= marks <= MARKS_MAX:
            raise ValueError(f"{marks} is no number of marks to step by")
        if not self.running:
            return None
        order = self._step_command(marks)
        return self._loop.run(asyncio.wait_for(step(self._known, order, lambda: self.running), timeout_s))

    def steps(self, event_time: str | int, timeout_s: float = 600.0) -> Iterator[Figures]:
        """Look at the session every so much event time, until it has ended."""
        while self.running:
            try:
                yield self.advance(event_time, timeout_s)
            except CannotRun:
                if self.running:
                    raise
                return

    def summary(self) -> FinalReport:
        """Its report. CommandError while it runs, and when it did not end as it should."""
        record = self.record
        if self.running:
            raise CommandError(f"session {self.session_id} runs; its report is written when it has ended")
        if record.status != "ended":
            raise CommandError(
                f"session {self.session_id} {record.status}: {record.stop_reason or 'drained'}"
            )
        return FinalReport.model_validate_json((self.folder / "final_report.json").read_bytes())

    # --- Command -------------------------------------------------------------------------------------

    def halt(self, reason: str, part: Part = NOTHING_NAMED) -> TradingStateChanged:
        """Stop trading: cancel what works, send nothing new; positions stay. Of everything, or of a part."""
        return self.command("halt", reason, part)

    def resume(self, reason: str, part: Part = NOTHING_NAMED) -> TradingStateChanged:
        """Trade again."""
        return self.command("resume", reason, part)

    def reduce(self, reason: str, part: Part = NOTHING_NAMED) -> TradingStateChanged:
        """Let only what reduces positions pass."""
        return self.command("reduce", reason, part)

    def flatten(
        self, reason: str, part: Part = NOTHING_NAMED, *, override: bool = False
    ) -> TradingStateChanged:
        """Cancel orders, close positions, and only reduce from then on."""
        return self.command("flatten", reason, part, override=override)

    def close(self, reason: str, part: Part) -> TradingStateChanged:
        """Close the positions of a part; its strategies trade on."""
        return self.command("close", reason, part)

    def cancel(
        self, reason: str, part: Part = NOTHING_NAMED, *, order_id: str | None = None
    ) -> TradingStateChanged:
        """Cancel one order, those of a part, or all."""
        return self.command("cancel", reason, part, order_id=order_id)

    def command(
        self,
        verb: Verb,
        reason: str,
        part: Part = NOTHING_NAMED,
        *,
        override: bool = False,
        order_id: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> TradingStateChanged:
        """Write a command to the log; returns its answer. CommandError when it is refused or unanswered.

        It acts at the next mark: a session that is `stepped` steps by one.
        """
        order = replace(
            command(verb, reason, by="python", override=override, part=part),
            order_id=order_id,
            arguments=dict(arguments or {}),
        )
        after = [self._step_command(1)] if self._stepped else []  # a command acts at a mark
        answer = self._loop.run(ask(self._alive, order, ANSWER_TIMEOUT_S, *after))
        if answer is None:
            raise CommandError(f"{verb}: risk did not answer within {ANSWER_TIMEOUT_S:.0f} s")
        if not answer.accepted:
            raise CommandError(f"{verb}: refused: {answer.reason}")
        return answer

    @staticmethod
    def _step_command(marks: int) -> Command:
        return replace(command(STEP, "", by="python"), arguments={"marks": str(marks)})

    # --- Inside --------------------------------------------------------------------------------------

    @property
    def _known(self) -> Running:
        if self._running is None:
            raise CommandError("the session was not started")
        return self._running

    @property
    def _alive(self) -> Running:
        if not self.running:
            raise CommandError(f"session {self.session_id} does not run any more")
        return self._known

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self._known.pid, number)

    def _until_gone(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self.running:
            if time.monotonic() > deadline:
                raise TimeoutError(f"session {self.session_id} does not end within {timeout_s:g} s")
            time.sleep(POLL_S)

    async def _look(self, span: int | None, timeout_s: float = 600.0) -> Figures:
        begin: int | None = None
        async with asyncio.timeout(timeout_s), session_log(self._alive) as log:
            async for now in looks(self._known, log):
                if span is None or not self.running:
                    return now
                begin = now.event_time if begin is None else begin
                if begin is not None and now.event_time is not None and now.event_time >= begin + span:
                    return now
        raise AssertionError("looks never end")


class _Loop:
    """An event loop in a thread of its own: calls work wherever another loop may run, as in notebooks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="penstock session", daemon=True)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        if not self._thread.is_alive():
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def close(self) -> None:
        """End the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
