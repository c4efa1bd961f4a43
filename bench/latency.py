"""Tick to approved order, through the services and through bare relays, in turns.

A session at 1x and the floor (`bench.relays`) take turns on the same machine, each on a nats-server of its
own that is new; the figure is the ratio of each pair, and the median of the pairs.
"""

import asyncio
from pathlib import Path

from penstock.launch.servers import STORE_BYTES
from penstock_runtime.embedded import EmbeddedNats
from penstock_runtime.log import Log, StreamLimits

from bench import relays
from bench.figures import Figure, of_repeats
from bench.session import run
from bench.sessions import synthetic

RATES = (100, 1_000)
SYMBOLS = 10
ORDERS_PER_S = 10
WARM_UP_S = 12
"""Without orders: database, recorder and api start meanwhile."""
TIMES_P50, TIMES_P99 = 2.0, 3.0


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """The ratios at each rate; milliseconds of both sides are in the details."""
    figures: list[Figure] = []
    for rate in RATES:
        pairs = [
            _pair(folder / f"{rate}-{number}", rate, 10 if quick else 40)
            for number in range(1 if quick else 3)
        ]
        for name, at, limit in (("p50", 0, TIMES_P50), ("p99", 1, TIMES_P99)):
            ratios = [ours[at] / floor[at] for ours, floor in pairs]
            details = {
                "ms": [ours[at] for ours, _ in pairs],
                "floor_ms": [floor[at] for _, floor in pairs],
                "orders": [ours[2] for ours, _ in pairs],
            }
            title = f"tick to order, {rate:,} events/s: {name} / floor"
            figures.append(of_repeats(title, ratios, "x", "at most", limit, **details))
    return figures


Measured = tuple[float, float, int]
"""p50 and p99 in ms, and how many were measured."""


def _pair(folder: Path, rate: int, seconds: float) -> tuple[Measured, Measured]:
    ours = order_latency(folder / "session", rate, seconds)
    return ours, _floor(folder / "floor", rate, seconds)


def order_latency(folder: Path, rate: int, seconds: float) -> Measured:
    """Tick to order in a session at 1x."""
    every, first = rate // ORDERS_PER_S, rate // SYMBOLS * WARM_UP_S
    strategy = f"{Path(__file__).with_name('strategies.py')}:EveryNth:every={every},first={first}"
    report = run([*synthetic(SYMBOLS, rate, WARM_UP_S + seconds), "--strategy", strategy], folder).report
    latency = report["latency_ms"]
    return latency["tick_to_order_p50"], latency["tick_to_order_p99"], report["orders"]["approved"]


def _floor(folder: Path, rate: int, seconds: float) -> Measured:
    return asyncio.run(_floor_on_new_server(folder, rate, seconds))


async def _floor_on_new_server(folder: Path, rate: int, seconds: float) -> Measured:
    folder.mkdir(parents=True)
    server = EmbeddedNats(folder, file_store_bytes=STORE_BYTES)
    await server.start()
    try:
        log = await Log.connect(server.url, name="bench")
        await log.declare(StreamLimits())
        await log.close()
        histogram = await asyncio.to_thread(relays.floor, server.url, rate, ORDERS_PER_S, seconds)
    finally:
        await server.stop()
    p50, p99 = histogram.percentile(0.5), histogram.percentile(0.99)
    assert p50 is not None
    assert p99 is not None
    return p50 / 1000, p99 / 1000, histogram.count
