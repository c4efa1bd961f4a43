"""Everything that is asked of a live venue, and in which order: submit, chase, reconcile, listen.

Each order has at most one request on its way. Submissions are kept durably before they are sent; what got no
clear answer is asked after, adopted, or cancelled by id, and never sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog
from penstock_contracts.types import OrderState
from penstock_runtime.errors import Halt, Unavailable
from penstock_runtime.submissions import Submission, Submissions
from penstock_venues.errors import Disconnected, RateLimited, Refused, Unclear
from penstock_venues.gateway import (
    NewOrder,
    StreamOpened,
    VenueBalance,
    VenueEvent,
    VenueFill,
    VenueOrder,
)

from penstock_execution.config import LiveConfig
from penstock_execution.live.desk import LiveDesk
from penstock_execution.live.guard import EgressGuard
from penstock_execution.live.line import Line
from penstock_execution.live.orders import LiveOrder

_log = structlog.get_logger(__name__)
_AGAIN_S = (0.1, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses between two questions about one order; the last repeats."""
_OVERLAP_NS = 60_000_000_000
"""Fills are asked for from so long before the oldest order in question: clocks differ."""
_RECONNECT_S = (0.05, 0.2, 0.5, 1.0)


@dataclass(slots=True)
class Chase:
    """The questions about one order."""

    due: float = 0.0
    tries: int = 0
    task: "asyncio.Task[None] | None" = None


@dataclass(slots=True)
class Requests:
    """The venue as the service uses it. What it learns goes to the desk at once."""

    line: Line
    submissions: Submissions
    desk: LiveDesk
    guard: EgressGuard
    config: LiveConfig
    session_id: str
    still_ours: Callable[[], Awaitable[bool]]
    """Whether no other writer has claimed: asked of the log itself, right before the socket."""
    wake: Callable[[], None]
    epoch: int = 0
    sent_at: dict[str, int] = field(default_factory=dict)
    """Wall time, ns, of each submission by client order id."""
    failure: BaseException | None = None
    _tasks: "set[asyncio.Task[None]]" = field(default_factory=set)
    _chases: dict[str, Chase] = field(default_factory=dict)
    _fills_due: float = 0.0
    _settling: "asyncio.Task[None] | None" = None

    # --- Submitting ----------------------------------------------------------------------------------

    @property
    def sending(self) -> int:
        """Orders on their way."""
        return sum(order.sending for order in self.desk.working.values())

    def send(self, order: LiveOrder, ts_expires: int) -> None:
        """Keep the submission, look once more, and send. Returns at once."""
        order.sending = True
        self.spawn(self._send(order, ts_expires))

    async def _send(self, order: LiveOrder, ts_expires: int) -> None:
        try:
            if await self._keep(order, ts_expires) and await self._may_leave(order, ts_expires):
                await self._submit(order)
        finally:
            order.sending = False
            self.wake()

    async def _keep(self, order: LiveOrder, ts_expires: int) -> bool:
        approval = order.approval
        now = self.line.clocks.wall_ns()
        submission = Submission(self.session_id, self.epoch, now, ts_expires, approval)
        self.sent_at[approval.client_order_id] = now
        try:
            if await self.submissions.store(submission):
                return True
            self.desk.unanswered(order)  # somebody was about to send it before us: only the venue knows
        except Unavailable as error:
            self.desk.not_sent(order, f"the submission was not stored: {error}")
        except Halt as error:
            self.desk.not_sent(order, str(error))
            raise
        return False

    async def _may_leave(self, order: LiveOrder, ts_expires: int) -> bool:
        await self.line.turn()
        ours = await self.still_ours()
        # From here to the socket nothing else runs.
        rule = self.guard.last_look(ts_expires, self.line.clocks.wall_ns(), self.line.clocks.monotonic_s())
        if order.state is not OrderState.IN_FLIGHT:
            rule = rule or "cancelled before it was sent"
        if not ours:
            rule = "epoch"
        if rule:
            self.desk.not_sent(order, f"guard:{rule}")
        return not rule

    async def _submit(self, order: LiveOrder) -> None:
        new = NewOrder.of(order.approval)
        try:
            placed = await self.line.answer(lambda: self.line.gateway.submit(new))
        except Refused as error:
            self.desk.refused(order, f"venue: {error}")
        except RateLimited as error:
            self.desk.refused(order, f"venue: rate limited: {error}")
        except Unclear as error:
            _log.warning("submission_unclear", order=new.client_order_id, error=str(error))
            self.desk.unanswered(order)
        else:
            self.desk.report(placed)

    # --- Chasing -------------------------------------------------------------------------------------

    def chase(self) -> None:
        """Ask about every order that waits for the venue's word, each as often as is due."""
        now = self.line.clocks.monotonic_s()
        wanted = {**self.desk.strays, **self.desk.working}
        for key, order in wanted.items():
            stray = key in self.desk.strays
            if order.sending or not (stray or (order.end is None and order.state in _CHASED)):
                continue
            chase = self._chases.setdefault(key, Chase())
            if chase.task is None and chase.due <= now:
                chase.task = self.spawn(self._ask_about(key, order, chase))
        if now >= self._fills_due and any(each.fills_wanted for each in self._in_question()):
            self._fills_due = now + _AGAIN_S[0]
            self.spawn(self._fetch_fills())
        for key in [each for each in self._chases if each not in wanted]:
            del self._chases[key]

    def hurry(self) -> None:
        """Ask at once about everything that is chased: something has changed."""
        for chase in self._chases.values():
            chase.due, chase.tries = 0.0, 0

    async def _ask_about(self, key: str, order: LiveOrder, chase: Chase) -> None:
        try:
            await self._pursue(key, order, chase)
        except (Unclear, RateLimited) as error:
            _log.info("venue_unclear", order=key, error=str(error))
        finally:
            chase.due = self.line.clocks.monotonic_s() + _AGAIN_S[min(chase.tries, len(_AGAIN_S) - 1)]
            chase.tries += 1
            chase.task = None
            self.wake()

    async def _pursue(self, key: str, order: LiveOrder, chase: Chase) -> None:
        late = self._too_late(key)
        ask_only = order.state is OrderState.UNKNOWN and not late
        # A cancel that was taken is told by an event; every second time it is asked whether that was lost.
        if not ask_only and chase.tries % 2 == 0 and await self._cancelled(key, order):
            return
        found = await self._look_up(key, order)
        if found is None:
            if late:
                self.desk.not_found(order)
        elif chase.tries % 2 == 0 and order.state is OrderState.CANCEL_PENDING:
            self.desk.cancel_refused(order, found)
        else:
            self.desk.report(found)

    async def _look_up(self, key: str, order: LiveOrder) -> VenueOrder | None:
        return await self.line.ask(lambda: self.line.gateway.order(key, order.approval.instrument))

    async def _cancelled(self, key: str, order: LiveOrder) -> bool:
        """Cancel by id. False when the venue says that nothing of that id works."""
        try:
            await self.line.ask(lambda: self.line.gateway.cancel(key, order.approval.instrument))
        except Refused:
            return False
        return True

    def _too_late(self, key: str) -> bool:
        since = self.sent_at.get(key, 0)
        return self.line.clocks.wall_ns() - since > int(self.config.lost_after_s * 1e9)

    def _in_question(self) -> list[LiveOrder]:
        return [*self.desk.working.values(), *self.desk.lost.values()]

    async def _fetch_fills(self) -> None:
        try:
            await self._book_fills()
        except (Unclear, RateLimited) as error:
            _log.info("fills_unclear", error=str(error))
        finally:
            self.wake()

    async def _book_fills(self) -> None:
        times = [self.sent_at.get(each.approval.client_order_id, 0) for each in self._in_question()]
        if times:
            since = max(min(times) - _OVERLAP_NS, 0)
            for fill in await self.line.ask(lambda: self.line.gateway.fills(since)):
                self.desk.fill(fill)

    # --- Listening and reconciling -------------------------------------------------------------------

    async def listen(self) -> None:
        """Take the venue's events, for ever; after each gap reconcile."""
        tries = 0
        while True:
            try:
                async for event in self.line.gateway.events():
                    tries = 0
                    self._take(event)
            except (Disconnected, Unclear, RateLimited) as error:
                _log.warning("venue_disconnected", error=str(error))
            self.guard.connected = self.guard.reconciled = False
            await asyncio.sleep(_RECONNECT_S[min(tries, len(_RECONNECT_S) - 1)])
            tries += 1

    def _take(self, event: VenueEvent) -> None:
        match event:
            case StreamOpened():
                self.guard.connected = True
                if self._settling is not None:
                    self._settling.cancel()
                self._settling = self.spawn(self._settle())
            case VenueOrder():
                self.desk.report(event)
            case VenueFill():
                self.desk.fill(event)
            case VenueBalance():
                self.desk.balance(event)
        self.wake()

    async def _settle(self) -> None:
        """Reconcile until it succeeds."""
        while True:
            try:
                await self._reconcile()
            except (Unclear, RateLimited) as error:
                _log.warning("not_reconciled", error=str(error))
                await asyncio.sleep(_AGAIN_S[0])
            else:
                break
        self.guard.reconciled = self.guard.connected
        self.hurry()
        self.wake()
        tally = self.desk.tally
        _log.info("reconciled", working=len(self.desk.working), external=len(tally.external))

    async def _reconcile(self) -> None:
        desk = self.desk
        await self._book_fills()
        at_venue = {each.client_order_id: each for each in await self.line.ask(self.line.gateway.open_orders)}
        for found in at_venue.values():
            desk.report(found)
        for gone in [
            key for key, each in desk.tally.external.items() if each.client_order_id not in at_venue
        ]:
            del desk.tally.external[gone]
        for key, order in list(desk.working.items()):
            if key in at_venue or order.sending:
                continue
            known = await self._look_up(key, order)
            if known is not None:
                desk.report(known)
            elif self._too_late(key):
                desk.not_found(order)
        await self._book_fills()
        for balance in await self.line.ask(self.line.gateway.balances):
            desk.balance(balance)

    # --- The end -------------------------------------------------------------------------------------

    async def cancel_everything(self, timeout_s: float) -> None:
        """Before an end that nobody wanted: cancel what works, as well as it can be done now."""
        keys = [*self.desk.working, *self.desk.strays]
        orders = self.desk.orders
        wishes = [self.line.gateway.cancel(key, orders[key].approval.instrument) for key in keys]
        try:
            async with asyncio.timeout(timeout_s):
                results = await asyncio.gather(*wishes, return_exceptions=True)
        except TimeoutError:
            results = []
        done = sum(not isinstance(each, BaseException) for each in results)
        _log.warning("cancelled_before_the_end", working=len(keys), cancelled=done)

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Let something run by itself; its failure is the service's."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or error
            self.wake()

    async def close(self) -> None:
        """Stop asking."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.line.gateway.close()


_CHASED = frozenset({OrderState.CANCEL_PENDING, OrderState.UNKNOWN})
