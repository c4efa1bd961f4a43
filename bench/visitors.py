"""The api's memory while clients come and go: a session at 1,000 events/s, and what the api grows by.

Twenty clients at any moment, over WebSocket and as server-sent events, each following for some seconds; every
tenth reads nothing, and is dropped. The growth is the slope of resident memory after the first tenth of the
run. The last events, which the api keeps for those who come back, fill within the first minutes, so a short
run shows more than a long one.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock_runtime.embedded.server import free_port

from bench.figures import Figure
from bench.latency import SYMBOLS, WARM_UP_S
from bench.session import SessionFailed, run
from bench.sessions import GROWTH_MB, slope, synthetic

RATE = 1_000
CLIENTS = 20
MINUTES, MINUTES_QUICK = 60.0, 2.0
ORDERS_EVERY = 100
_COME_AND_GO = """
import asyncio, random, sys, time
import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

chance = random.Random(7)
visits = 0

async def reads(stream, seconds):
    async with asyncio.timeout(seconds):
        async for _ in stream:
            pass

async def visit(port, kind, seconds):
    if kind == "events":
        async with httpx.AsyncClient(timeout=30) as client:
            async with client.stream("GET", f"http://127.0.0.1:{port}/api/v1/events") as answer:
                await reads(answer.aiter_raw(), seconds)
    else:
        async with connect(f"ws://127.0.0.1:{port}/api/v1/stream", max_size=None, max_queue=1) as stream:
            if kind == "deaf":
                await asyncio.sleep(seconds)
            else:
                await reads(stream, seconds)

async def one(port):
    global visits
    while True:
        kind = chance.choices(("socket", "events", "deaf"), (7, 2, 1))[0]
        try:
            await visit(port, kind, chance.uniform(1, 15))
        except TimeoutError:
            visits += 1
        except (OSError, WebSocketException, httpx.HTTPError):
            await asyncio.sleep(0.5)

async def main(port, clients):
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one(port))
        while True:
            await asyncio.sleep(1)
            print(visits, flush=True)

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """The growth. `PENSTOCK_BENCH_MINUTES` names another length."""
    minutes = float(os.environ.get("PENSTOCK_BENCH_MINUTES", MINUTES_QUICK if quick else MINUTES))
    port = free_port()
    strategy = f"{Path(__file__).with_name('strategies.py')}:EveryNth:every={ORDERS_EVERY},first={RATE}"
    arguments = [
        *synthetic(SYMBOLS, RATE, WARM_UP_S + 60 * minutes), "--strategy", strategy, "--api-port", str(port),
    ]  # fmt: skip
    counted = folder / "visits.txt"
    with _visitors(port, counted):
        found = run(arguments, folder / "session", sample_memory=True).rss_mb.get("api", [])
    began = found[0][0] if found else 0.0
    later = [row for row in found if row[0] - began > minutes / 10]
    visits = int((counted.read_text(encoding="utf-8").split() or ["0"])[-1])
    if len(later) < 5 or not visits:
        raise SessionFailed(f"{len(later)} samples of the api's memory, {visits} visits: too few")
    return [
        Figure(
            f"api: memory with {CLIENTS} clients coming and going",
            slope(later),
            "MB/min",
            "below",
            GROWTH_MB,
            details={
                "minutes": minutes, "visits": visits, "first_mb": later[0][1], "last_mb": later[-1][1],
                "peak_mb": max(value for _, value in found),
            },
        )
    ]  # fmt: skip


@contextmanager
def _visitors(port: int, counted: Path) -> Iterator[None]:
    with counted.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", _COME_AND_GO, str(port), str(CLIENTS)],
            stdout=file,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()
