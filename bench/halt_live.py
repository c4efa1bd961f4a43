"""A halt at a live venue's gateway, on a log with a million market messages that nobody has worked off.

The trades lie in the log before live execution starts; risk (played) approves an order every few
milliseconds, and as soon as they reach the venue (a fake one) a halt is commanded. What is measured is wall
time, from the command to the last order that reached the venue. Live execution reads marks and prices, never
trades, and its guard reads `ctl` over a connection of its own: the backlog is not before it, which is the
point. Its own bound for a market that falls silent might block before the halt does, and is out of the way.
"""

import asyncio
import time
from pathlib import Path

import numpy as np
from penstock_contracts.columns import text_column
from penstock_contracts.market import TradeBatch
from penstock_runtime.embedded import EmbeddedNats
from penstock_runtime.log.writer import Cause
from penstock_venues.fake import FakeVenue

from bench.figures import Figure
from bench.session import SessionFailed
from faults.stand import GUARD, KEY, LIVE, Stand

APPROVE_EVERY_S = 0.005
SETTLE_S = 1.5
LAST_ORDER_MS = 250.0
_CHUNK = 256


async def measure(folder: Path, queued: int) -> Figure:
    """Milliseconds from the command to the last order at the venue."""
    folder.mkdir(parents=True, exist_ok=True)
    nats = EmbeddedNats(folder / "nats")
    await nats.start()
    config = LIVE.model_copy(update={"silence_s_max": 600.0})
    stand = Stand(nats.url, folder / "session", FakeVenue(), config, GUARD)
    approving: asyncio.Task[None] | None = None
    try:
        await stand.open()
        await _queue(stand, queued)
        await stand.start()
        approving = asyncio.create_task(_approve(stand))
        await stand.until(lambda: _received(stand) > 20, "orders at the venue", 120)
        given = time.monotonic()
        await stand.command("halt", "c-bench")
        last_ms, count = await _last_order_ms(stand, given)
    finally:
        if approving is not None:
            approving.cancel()
        await stand.close()
        await nats.stop()
    details = {"messages_queued": queued, "orders_after_the_command": count}
    return Figure(
        f"halt behind {queued:,} messages, live gateway: command to last order", last_ms, "ms", "below",
        LAST_ORDER_MS, details=details,
    )  # fmt: skip


async def _queue(stand: Stand, queued: int) -> None:
    """Trades, each a message of its own, written as ingest writes them."""
    side, flags, size = np.ones(1, dtype=np.int8), np.zeros(1, dtype=np.int8), np.array([1], dtype=np.int64)
    for number in range(queued):
        ts = np.array([stand._at + 1], dtype=np.int64)
        trade = TradeBatch(
            instrument=KEY, source="bench", price_scale=0, size_scale=0, ts_event=ts, ts_init=ts,
            price=np.array([100], dtype=np.int64), size=size, side=side, flags=flags,
            trade_id=text_column(["t"]),
        )  # fmt: skip
        stand._put(stand._ingest, trade, Cause())
        if number % _CHUNK == 0:
            stand.log.flush()
            await asyncio.sleep(0)
    stand.log.flush()


async def _approve(stand: Stand) -> None:
    while True:
        stand.approve()
        await asyncio.sleep(APPROVE_EVERY_S)


def _received(stand: Stand) -> int:
    return sum(stand.venue.received.values())


async def _last_order_ms(stand: Stand, given: float) -> tuple[float, int]:
    """When the last order reached the venue, and how many did after the command."""
    first = count = _received(stand)
    last = given
    while time.monotonic() - last < SETTLE_S:
        if (now := _received(stand)) > count:
            count, last = now, time.monotonic()
        if time.monotonic() - given > 60:
            raise SessionFailed("orders still reached the venue a minute after the halt")
        await asyncio.sleep(0.0005)
    return 1000 * (last - given), count - first
