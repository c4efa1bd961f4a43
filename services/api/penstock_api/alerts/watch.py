"""Looks at the session each second and has told what must be told. Trading never waits for any of it."""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from penstock_contracts.types import MarketStatus
from penstock_runtime.board import STOPPED, Board
from penstock_runtime.errors import RuntimeFailure
from penstock_runtime.log import Log
from penstock_runtime.log.dead_letters import DeadLetters

from penstock_api.alerts.config import AlertsConfig
from penstock_api.alerts.rules import Seen, problems
from penstock_api.alerts.standing import Alerts, Notice
from penstock_api.alerts.targets import Target
from penstock_api.feed import Feed

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
SLOW_LOOK_S = 5.0
MINUTE_S = 60.0
DEAD_LETTERS_S = 600.0
NS_PER_S = 1_000_000_000
LEVELS = {"critical": "error", "warning": "warning"}


@dataclass(slots=True)
class Window:
    """How much a count that only grows has grown within the last so many seconds."""

    span_s: float
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def grown(self, now: float, count: int) -> int:
        """Take a reading. A count that fell began anew: its process was replaced."""
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, count))
        while now - self._seen[0][0] > self.span_s:
            self._seen.popleft()
        return count - self._seen[0][1]


@dataclass(slots=True)
class AlertWatch:
    """Looks until cancelled."""

    config: AlertsConfig
    log: Log
    feed: Feed
    board: Board
    data_dir: Path | None = None
    clock: Callable[[], float] = time.monotonic
    targets: list[Target] = field(init=False)
    alerts: Alerts = field(init=False)
    _errors: dict[str, Window] = field(default_factory=dict)
    _letters: Window = field(default_factory=lambda: Window(DEAD_LETTERS_S))
    _letters_new: int = 0
    _free: int | None = None

    def __post_init__(self) -> None:
        self.alerts = Alerts(self.config)
        self.targets = [
            Target(each, lambda: self.feed.replica.session.session_id) for each in self.config.targets
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["AlertWatch"]:
        """Look and tell as long as this is open."""
        runs = [self._look_for_ever(), self._look_slowly(), *(each.run() for each in self.targets)]
        tasks = [asyncio.create_task(each, name="alerts") for each in runs]
        for task in tasks:
            task.add_done_callback(_ended)
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def view(self) -> dict[str, object]:
        """What stands, and how telling goes: a part of the service's health."""
        return {
            "firing": [f"{each.key}: {each.text}" for each in self.alerts.firing],
            "targets": {each.config.name: each.view() for each in self.targets},
        }

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self.feed.caught_up:  # before that it would tell of what is long over
                now = self.clock()
                for notice in self.alerts.look(list(problems(self.config, self.seen(now))), now):
                    self.tell(notice)

    def tell(self, notice: Notice) -> None:
        """Log a notice and hand it to every target."""
        level = "info" if notice.state == "over" else LEVELS[notice.severity]
        getattr(_log, level)("alert", state=notice.state, key=notice.key, text=notice.text)
        for target in self.targets:
            target.put(notice)

    def seen(self, now: float) -> Seen:
        """The session as it is now, as far as it is known here."""
        replica, reports = self.feed.replica, self.board.reports
        account = replica.account
        return Seen(
            trading_state=replica.trading_state,
            trading_reason=replica.trading_reason,
            equity=account.equity if account is not None else None,
            equity_peak=account.equity_peak if account is not None else None,
            mark=replica.marks.get("feat", 0),
            data_at=self._data_at(),
            silent_s={
                name: silent
                for name, report in reports.items()
                if report.state != STOPPED and (silent := self.board.silent_s(name)) is not None
            },
            connected=self.feed.connected,
            errors_in_minute=self._errors_in_minute(now),
            last_error=next((each.error for each in reports.values() if each.error), ""),
            memory={name: report.rss_bytes for name, report in reports.items()},
            dead_letters_new=self._letters_new,
            disk_free=self._free,
            ended=replica.session.ended_at is not None,
        )

    def _data_at(self) -> dict[str, int]:
        """Of each venue the newest datum. A replay's time is not the clock's: there nothing is stale."""
        replica = self.feed.replica
        if not replica.session.section("session").get("realtime"):
            return {}
        found: dict[str, int] = {}
        for key, price in replica.prices.items():
            known = replica.instruments.get(key)
            if known is None or known.status is MarketStatus.TRADING:
                venue = key.rpartition(".")[2]
                found[venue] = max(found.get(venue, 0), price.ts)
        return found

    def _errors_in_minute(self, now: float) -> int:
        counts = {name: report.errors for name, report in self.board.reports.items()}
        counts["strategies' notes"] = self.feed.replica.errors
        return sum(
            self._errors.setdefault(name, Window(MINUTE_S)).grown(now, count)
            for name, count in counts.items()
        )

    async def _look_slowly(self) -> None:
        """What takes a question or a system call."""
        letters = DeadLetters(self.log)
        while True:
            if self.data_dir is not None:
                self._free = await asyncio.to_thread(_free, self.data_dir)
            try:
                self._letters_new = self._letters.grown(self.clock(), await letters.count())
            except RuntimeFailure as error:  # the log is away, which is an alert of its own
                _log.debug("dead_letters_unknown", error=str(error))
            await asyncio.sleep(SLOW_LOOK_S)


def _ended(task: asyncio.Task[None]) -> None:
    """Alerts that stopped by an error must not look like silence; the api serves on."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("alerts_stopped", error=f"{type(error).__name__}: {error}")


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
