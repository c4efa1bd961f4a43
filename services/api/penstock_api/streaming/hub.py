"""The one source of every stream: follows the feed, keeps the last events, rings when there is news."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.features import Prices
from penstock_runtime.log import Log

from penstock_api.streaming.channels import CARRIES, Event
from penstock_api.streaming.market import MarketBoard
from penstock_api.streaming.pulse import Pulse
from penstock_api.streaming.recent import Recent
from penstock_api.streaming.ring import Ring
from penstock_api.streaming.services import Services, amount
from penstock_api.streaming.shared import Shared

if TYPE_CHECKING:
    from penstock_runtime.board import Board

    from penstock_api.feed import Feed

_log = structlog.get_logger(__name__)

CLIENTS_MAX = 250
TICK_S = 0.2
"""How often what is only measured is told."""
TOO_SLOW = "too slow: what was sent was not read in time"
LIVE_NAMES = ("equity", "pnl_realized", "pnl_unrealized", "fees", "drawdown_max")


class Hub:
    """Makes the events that clients follow. Costs next to nothing while nobody does."""

    def __init__(self, feed: "Feed", board: "Board", log: Log) -> None:
        self.feed = feed
        self.board = board
        self.ring = Ring()
        self.recent = Recent()
        self.services = Services(board)
        self.market = MarketBoard()
        self.pulse = Pulse()
        self.shared = Shared()
        self.sequence = 0
        """Log sequence of the last message that the replica took."""
        self.measured = 0
        """Grows when the reports were looked at anew."""
        self.clients = 0
        self.dropped = 0
        """Clients that were too slow."""
        self.closing = False
        self._watchers = 0
        self._log = log
        self._task: asyncio.Task[None] | None = None
        feed.listeners.append(self.take)

    async def start(self) -> None:
        """Listen to what passes by the log."""
        partition = self._log.partition
        for family in ("md", "feat"):
            await self._log.client.tap(f"p{partition}.{family}.>", self.market.heard)
        self._task = asyncio.create_task(self._measure(), name="streams")

    async def close(self) -> None:
        """Have every stream end."""
        self.closing = True
        self.pulse.beat()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def take(self, sequence: int, family: Family, message: Message) -> None:
        """Take the next message, after the replica has."""
        self.sequence = sequence
        if isinstance(message, Prices):
            self.market.take_prices(message)
            return
        kind = type_of(message, family).kind
        channels = CARRIES.get((family, kind))
        if channels is None:
            return
        self.recent.take(sequence, message)
        self.ring.add(Event(sequence, family, kind, message, channels))
        self.pulse.news()

    @contextmanager
    def followed(self, *, market: bool) -> Iterator[None]:
        """For as long as a client follows; whether it watches the market."""
        self.clients += 1
        self.pulse.for_clients(self.clients)
        self._watch(int(market))
        try:
            yield
        finally:
            self.clients -= 1
            self.pulse.for_clients(self.clients)
            self._watch(-int(market))

    def drop(self, transport: str) -> None:
        """Tell that a client was dropped for being too slow."""
        self.dropped += 1
        _log.info("stream_dropped", transport=transport, reason=TOO_SLOW)

    @property
    def full(self) -> bool:
        """Whether no further client is taken."""
        return self.clients >= CLIENTS_MAX

    def _watch(self, by: int) -> None:
        self._watchers += by
        self.market.watched = self._watchers > 0

    @property
    def live(self) -> dict[str, Any] | None:
        """The account as risk itself reports it each second, between its samples in the log."""
        view = self.board.view("risk")
        found = {name: amount(view.get(name)) for name in LIVE_NAMES}
        ts = self.services.mark("risk")
        if not ts or found["equity"] is None:
            return None
        return {"ts": ts, "currency": str(view.get("currency", "")), **found}

    @property
    def metrics(self) -> dict[str, Any]:
        """How the session's services do, and the session by the numbers."""
        replica, feed = self.feed.replica, self.feed
        launcher = self.board.view("launcher")
        return {
            "ts": time.time_ns(),
            "marks": dict(replica.marks),
            "backlog": feed.backlog,
            "messages": feed.taken,
            "unreadable": feed.unreadable,
            "services": self.services.listing(),
            "notes": [str(each) for each in launcher.get("notes", ())],
            "restarts": launcher.get("restarts", 0),
            "quarantined": self.board.view("ingest").get("quarantined"),
            "signals": {"total": replica.signals, **{str(k): n for k, n in replica.outcomes.items()}},
            "orders": {
                "approved": replica.orders_approved,
                "working": len(replica.working),
                **{str(state): count for state, count in replica.orders.items()},
            },
            "fills": replica.fills,
            "errors": replica.errors,
            "shadow": list(self.board.view("risk").get("shadow", ())),
            "stream": {
                "clients": self.clients,
                "dropped": self.dropped,
                "market_dropped": self.market.dropped,
            },
        }

    async def _measure(self) -> None:
        """Look at what is only measured while somebody follows, and at equity always."""
        last = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            if now - last >= 1.0:
                last = now
                self.measured += 1
                self.services.follow()
                self.follow_equity()
            self.market.look()
            if self.clients:
                self.pulse.news()

    def follow_equity(self) -> None:
        """Take what risk reports of equity into its course."""
        # What risk says now lies after all that the log still tells: first that.
        live = self.live if self.feed.caught_up else None
        if live is not None:
            self.recent.equity.add(live["ts"], live["equity"])
