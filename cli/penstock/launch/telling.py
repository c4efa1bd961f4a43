"""What a launcher tells while its session runs: to the terminal, and to `penstock status` as a report."""

import asyncio
import time
from dataclasses import asdict

from penstock_runtime.board import LAUNCHER, Board, Report
from penstock_runtime.health import Health as OwnHealth
from penstock_runtime.log import Log

from penstock.launch.figures import Rate, figures
from penstock.launch.machine import MachineWatch
from penstock.launch.notes import Notes
from penstock.launch.plan import Plan
from penstock.launch.servers import Servers
from penstock.launch.supervisor import Supervisor
from penstock.launch.view import SessionView
from penstock.launch.watch import left_open

INTERVAL_S = 1.0
STANDS_STILL = "stands still"


class Telling:
    """The phase of a session, what is wrong with it, and its figures."""

    def __init__(self, plan: Plan, view: SessionView, board: Board, notes: Notes) -> None:
        self._plan = plan
        self._view = view
        self._board = board
        self._notes = notes
        self._rate = Rate()
        self._started = time.monotonic()
        self._health = OwnHealth(LAUNCHER)
        self._machine = MachineWatch(plan.folder.path)
        self.phase = "starting"

    async def run(self, log: Log, servers: Servers, supervisor: Supervisor) -> None:
        """Tell everything each second, until cancelled."""
        while True:
            health = self._health
            stands = self._notes.stop_trading and self.phase == "running"
            health.state = STANDS_STILL if stands else self.phase
            restarts = supervisor.restarts + servers.restarts
            machine = await self._machine.look()
            health.view = {"notes": self._notes.texts, "restarts": restarts, "machine": asdict(machine)}
            self._board.take(Report.model_validate(health.report()))  # here also while the log is away
            await health.send(log)
            self._show()
            await asyncio.sleep(INTERVAL_S)

    def _show(self) -> None:
        now = figures(self._board, self._rate, self._plan.services)
        left_s = None
        if self._plan.speed and now.event_end and now.event_time:
            left_s = max((now.event_end - now.event_time) / 1e9 / self._plan.speed, 0.0)
        self._view.show(now, time.monotonic() - self._started, left_s)

    def left_open(self) -> str:
        """Positions and working orders as risk told them last."""
        return left_open(figures(self._board, Rate(), self._plan.services))
