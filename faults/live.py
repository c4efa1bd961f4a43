"""Rows 8 to 13, and 17: what a venue, the log, or a second gateway can do to execution. Many rounds a trial.

A trial has a nats-server of its own that flushes before it acknowledges, risk and ingest played by a script
(`faults.stand`), and a fake venue that does what the row says. Afterwards no client order id has reached the
venue twice, and the fills that were told add up to the position there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

from penstock_contracts.subjects import SUBMISSIONS
from penstock_contracts.types import TradingState
from penstock_runtime.embedded import EmbeddedNats
from penstock_runtime.errors import Halt, Superseded
from penstock_venues.fake import FakeVenue
from penstock_venues.faults import RESTS, Fate, Misdeed, Obliging

from faults.stand import LIVE, Stand
from faults.world import Unexpected

BATCH = 20
"""Orders at once, where the fault allows it."""
BOOKED_S = 5.0
QUICK = LIVE.model_copy(update={"backoff_s_max": 0.002})
"""Lost answers do not keep the next order back, so that many can be lost."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One kind of fault, and how often it strikes in 300 rounds of the harness."""

    row: int
    strike: Callable[[Stand, int], Awaitable[None]]
    """Strikes so many times."""
    rounds: int
    quick: int = 5
    """How often in a quick run."""
    patient: bool = False
    """Pauses as long as in earnest after lost answers."""


async def run(trial: Trial, folder: Path, rounds: int, seed: int) -> int:
    """Strike so many times; returns how often it was. Raises Unexpected."""
    async with standing(folder, seed, patient=trial.patient) as stand:
        try:
            await trial.strike(stand, rounds)
        except TimeoutError as error:
            raise Unexpected(str(error)) from error
        if found := stand.violations():
            raise Unexpected("; ".join(found[:5]))
    return rounds


@asynccontextmanager
async def standing(folder: Path, seed: int, *, patient: bool) -> AsyncIterator[Stand]:
    """A stand with a running service on a server of its own."""
    nats = EmbeddedNats(folder / "nats", sync_interval="always")
    await nats.start()
    venue = FakeVenue(manner=Obliging(Random(seed)))
    stand = Stand(nats.url, folder / "session", venue, LIVE if patient else QUICK)
    try:
        await stand.open()
        await stand.start()
        yield stand
    finally:
        await stand.close()
        await nats.stop()


def _must(true: bool, text: str) -> None:
    if not true:
        raise Unexpected(text)


# --- Row 8 --------------------------------------------------------------------------------------------


async def _overtake(stand: Stand) -> None:
    first, task = stand.service, stand.task
    assert first is not None
    assert task is not None
    paused, go = asyncio.Event(), asyncio.Event()
    turn = first.requests.line.turn

    async def slow() -> None:
        paused.set()
        await go.wait()
        await turn()

    first.requests.line.turn = slow  # type: ignore[method-assign]
    key = stand.approve()
    await asyncio.wait_for(paused.wait(), 10)
    awake, first._turn = first._turn, lambda: None  # type: ignore[method-assign]  # it hears nothing either
    await stand.start()
    go.set()
    await stand.until(lambda: not first.requests.sending, "the first gateway's last step")
    first._turn = awake  # type: ignore[method-assign]
    results = await asyncio.gather(task, return_exceptions=True)
    _must(isinstance(results[0], Superseded), f"the first gateway ended with {results[0]!r}")
    await stand.ended(key)
    _must(not stand.venue.received[key], f"{key} was sent by a gateway that had been overtaken")
    after = stand.approve()
    await stand.ended(after)
    _must(stand.of(after)[-1] == "fill", f"{after}: {stand.of(after)}")


async def two_gateways(stand: Stand, rounds: int) -> None:
    """One is paused right before the socket while another takes over: it wakes up and sends nothing."""
    for _ in range(rounds):
        await _overtake(stand)


# --- Rows 9 and 10 ------------------------------------------------------------------------------------


async def _batches(stand: Stand, rounds: int, misdeed: Misdeed, end: str, reached: int) -> None:
    struck = 0
    stand.venue.every_submission = misdeed
    service = stand.service
    assert service is not None
    while struck < rounds:
        await stand.until(lambda: not service.requests.line.backing_off, "quiet")
        count = min(BATCH, rounds - struck)
        keys = [stand.approve(quantity=Decimal(1 + number % 7)) for number in range(count)]
        await stand.ended(*keys)
        for key in keys:
            told = stand.of(key)
            if told == ["rejected"]:  # kept back, for the venue was being left alone: this one does not count
                continue
            struck += 1
            _must(told[-1] == end, f"{key}: {told}, not {end}")
            _must(stand.venue.received[key] == reached, f"{key} reached it {stand.venue.received[key]} times")


async def answer_lost(stand: Stand, rounds: int) -> None:
    """The venue has it, and neither answer nor event comes: asked after, adopted, and filled once."""
    assert stand.gateway is not None
    stand.gateway.deaf = True
    await _batches(stand, rounds, Misdeed.ANSWER_LOST, "fill", 1)


async def request_lost(stand: Stand, rounds: int) -> None:
    """It never arrives: unknown, then lost, and never sent again."""
    await _batches(stand, rounds, Misdeed.REQUEST_LOST, "lost", 0)


# --- Row 11 -------------------------------------------------------------------------------------------


async def fill_first(stand: Stand, rounds: int) -> None:
    """The fill is told before the acknowledgement."""
    for first in range(0, rounds, BATCH):
        keys = [stand.approve() for _ in range(min(BATCH, rounds - first))]
        await stand.ended(*keys)
        for key in keys:
            _must(stand.of(key) == ["submitted", "fill"], f"{key}: {stand.of(key)}")


async def _accepted(stand: Stand, keys: list[str]) -> None:
    await stand.until(lambda: all(len(stand.of(key)) == 2 for key in keys), "accepted")


async def cancel_race(stand: Stand, rounds: int) -> None:
    """A cancel request crosses a fill."""
    for first in range(0, rounds, BATCH):
        count = min(BATCH, rounds - first)
        stand.venue.fates.extend([Fate(parts=(), wins_race=True)] * count)
        keys = [stand.approve() for _ in range(count)]
        await _accepted(stand, keys)
        for key in keys:
            stand.cancel(key)
        await stand.ended(*keys)
        for key in keys:
            _must(stand.of(key)[2:] == ["cancel_pending", "fill"], f"{key}: {stand.of(key)}")


async def _lost_fill(stand: Stand, number: int) -> None:
    stand.venue.misdeeds.append(Misdeed.ARRIVES_LATE)
    key = stand.approve()
    await stand.ended(key)
    _must(stand.of(key)[-1] == "lost", f"{key}: {stand.of(key)}")
    await stand.until(lambda: stand.of(key)[-1] == "fill", f"the fill of {key}")
    service = stand.service
    assert service is not None
    _must(service.guard.halts.hold, "the guard let go on after the fill of a lost order")
    await stand.until(lambda: not service.guard.halts.own, "the halt in the log")
    await stand.command("resume", f"r-{number}")
    stand.state(TradingState.ACTIVE, f"r-{number}")
    await stand.until(lambda: not service.guard.halts.hold, "resumed")


async def lost_fills(stand: Stand, rounds: int) -> None:
    """An order that was given up arrives after all, and fills: booked, and trading halts."""
    stand.venue.late_s = 1.0
    for number in range(rounds):
        await _lost_fill(stand, number)


# --- Rows 12 and 13 -----------------------------------------------------------------------------------


async def _disconnect(stand: Stand) -> None:
    service, gateway = stand.service, stand.gateway
    assert service is not None
    assert gateway is not None
    stand.venue.fates.append(RESTS)
    key = stand.approve()
    await stand.until(lambda: len(stand.of(key)) == 2, f"{key} accepted")
    gateway.unreachable = True
    stand.venue.disconnect()
    await stand.until(lambda: not service.guard.connected, "the disconnect")
    stand.venue.fill(key)
    gateway.unreachable = False
    began = time.monotonic()
    await stand.ended(key)
    _must(time.monotonic() - began < BOOKED_S, f"{key} was booked after {time.monotonic() - began:.1f} s")
    await stand.until(lambda: service.guard.reconciled, "reconciled")


async def disconnects(stand: Stand, rounds: int) -> None:
    """An order fills while the venue cannot be reached: booked soon after it can."""
    for _ in range(rounds):
        await _disconnect(stand)


async def _storm(stand: Stand) -> None:
    service = stand.service
    assert service is not None
    stand.venue.fates.append(RESTS)
    key = stand.approve()
    await stand.until(lambda: len(stand.of(key)) == 2, f"{key} accepted")
    stand.venue.storm(0.3)
    stand.cancel(key)
    await stand.until(lambda: service.requests.line.backing_off, "backing off")
    during = stand.approve()
    await stand.ended(key, during)
    _must(stand.of(during)[-1] == "rejected", f"{during}: {stand.of(during)}")
    _must(stand.of(key)[-1] == "cancelled", f"{key}: {stand.of(key)}")
    await stand.until(lambda: not service.requests.line.backing_off, "quiet again")


async def storms(stand: Stand, rounds: int) -> None:
    """Every request is turned away for a while: nobody comes back before the venue said so."""
    for _ in range(rounds):
        await _storm(stand)
    _must(not stand.venue.too_early, f"{stand.venue.too_early} requests came while the venue wanted quiet")


# --- Row 17 -------------------------------------------------------------------------------------------


async def _full(stand: Stand) -> None:
    task, js = stand.task, stand.log.js
    assert task is not None
    info = await js.stream_info(SUBMISSIONS)
    room = info.config.max_msgs
    await js.update_stream(info.config.evolve(max_msgs=info.state.messages))
    key = stand.approve()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    _must(isinstance(ended, Halt), f"the gateway went on with a submission that was not kept: {ended!r}")
    _must("takes no more" in str(ended), f"it halts, and says {ended}")
    _must(not stand.venue.received[key], f"{key} was sent although its submission was not kept")
    await js.update_stream(info.config.evolve(max_msgs=room))
    await stand.start()
    after = stand.approve()
    await stand.ended(key, after)
    _must(stand.of(key)[-1] == "rejected", f"{key}: {stand.of(key)}")
    _must(stand.of(after)[-1] == "fill", f"{after}: {stand.of(after)}")


async def submissions_full(stand: Stand, rounds: int) -> None:
    """There is no room to keep a submission: it does not leave, and execution halts and says why."""
    for _ in range(rounds):
        await stand.ended(stand.approve())
        await _full(stand)


TRIALS: dict[str, Trial] = {
    "two_gateways": Trial(8, two_gateways, 200, quick=3, patient=True),
    "answer_lost": Trial(9, answer_lost, 1_000, quick=20),
    "request_lost": Trial(10, request_lost, 1_000, quick=20),
    "fill_first": Trial(11, fill_first, 1_000, quick=20, patient=True),
    "cancel_race": Trial(11, cancel_race, 1_000, quick=20, patient=True),
    "lost_fills": Trial(11, lost_fills, 50, quick=2, patient=True),
    "disconnects": Trial(12, disconnects, 100, patient=True),
    "storms": Trial(13, storms, 100, quick=3, patient=True),
    "submissions_full": Trial(17, submissions_full, 10, quick=1, patient=True),
}
"""By name, as the table of rows gives it."""
