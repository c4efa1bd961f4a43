"""The alert that the api cannot give: that it is down itself, and with it every other alert."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog
from penstock_api.alerts.config import AlertsConfig
from penstock_api.alerts.rules import Problem
from penstock_api.alerts.standing import Alerts
from penstock_api.alerts.targets import Target
from penstock_runtime.board import STOPPED, Board

_log = structlog.get_logger(__name__)

API = "api"
LOOK_S = 1.0


@dataclass(slots=True)
class ApiAlarm:
    """Looks each second whether the api is heard; tells the targets of section `alerts` when it is not, again
    while that lasts, and when it is over.
    """

    config: AlertsConfig
    board: Board
    session_id: str
    clock: Callable[[], float] = time.monotonic
    _expected_at: float | None = None
    _alerts: Alerts = field(init=False)
    targets: list[Target] = field(init=False)

    def __post_init__(self) -> None:
        self._alerts = Alerts(self.config)
        self.targets = [Target(each, lambda: self.session_id) for each in self.config.targets]

    def expect(self) -> None:
        """The api was started just now: from here on its silence counts."""
        self._expected_at = self.clock()

    async def run(self) -> None:
        """Look and tell until cancelled."""
        tasks = [asyncio.create_task(each.run(), name="alarm") for each in self.targets]
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                self.look()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def look(self) -> None:
        """Have told what is to be told now."""
        for notice in self._alerts.look(list(self._problems()), self.clock()):
            tell = _log.info if notice.state == "over" else _log.error
            tell("alert", state=notice.state, key=notice.key, text=notice.text)
            for target in self.targets:
                target.put(notice)

    def _problems(self) -> Iterator[Problem]:
        allowed_s, expected_at = self.config.service_down_s, self._expected_at
        if allowed_s is None or expected_at is None:
            return
        report = self.board.reports.get(API)
        if report is not None and report.state == STOPPED:
            return
        silent_s = self.clock() - expected_at
        if (heard := self.board.silent_s(API)) is not None:
            silent_s = min(silent_s, heard)
        if silent_s > allowed_s:
            text = f"api was not heard for {silent_s:.0f} s: no other alert is told meanwhile"
            yield Problem(f"service_down:{API}", text, "critical")
