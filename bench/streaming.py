"""What looking at a session costs it, and how fast a person sees what happened.

Order latency with twenty clients that follow every channel and without any, in interleaved pairs of
sessions. And in Chromium, without a window: how long after a fill has entered the log it is on the page, how
long after the click a halt is in the log, how long the page takes to show the session, and how many bytes it
fetches.
"""

import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.launch.paths import DataDir
from penstock_runtime.embedded.server import free_port
from penstock_runtime.log import Log

from bench.figures import Figure, of_repeats
from bench.latency import ORDERS_PER_S, SYMBOLS, WARM_UP_S
from bench.session import SessionFailed, run, running
from bench.sessions import synthetic

CLIENTS = 20
RATE = 1_000
PAIRS = 5
TIMES_P50, TIMES_P99 = 1.1, 1.5
PIXEL_MS, HALT_MS, PAINT_MS, TRANSFER_KB = 250.0, 250.0, 1_000.0, 500.0
HALTS = 10
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_FOLLOW = """
import asyncio, sys
from websockets.asyncio.client import connect

async def follow(port):
    while True:
        try:
            async with connect(f"ws://127.0.0.1:{port}/api/v1/stream", max_size=None) as stream:
                async for _ in stream:
                    pass
        except OSError:
            await asyncio.sleep(0.2)

async def main(port, clients):
    await asyncio.gather(*(follow(port) for _ in range(clients)))

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""
_WATCH = """() => {
  window.seenAt = {};
  new MutationObserver((records) => {
    for (const record of records) for (const node of record.addedNodes) {
      const key = node.dataset?.key;
      if (key?.startsWith("f-") && !(key in seenAt)) {
        seenAt[key] = 0;
        requestAnimationFrame(() => setTimeout(() => { seenAt[key] = Date.now(); }));
      }
    }
  }).observe(document.getElementById("page"), { childList: true, subtree: true });
}"""
_CLICKED = "() => { addEventListener('submit', () => { window.clickedAt = Date.now(); }, true); }"


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """The figures."""
    return [
        *_latency(folder, quick=quick),
        *_page(folder / "page", 20 if quick else 60, 3 if quick else HALTS),
    ]


def _latency(folder: Path, *, quick: bool) -> list[Figure]:
    seconds = 10 if quick else 40
    pairs = []
    for number in range(1 if quick else PAIRS):
        alone = _orders(folder / f"alone-{number}", seconds, 0)
        pairs.append((_orders(folder / f"followed-{number}", seconds, CLIENTS), alone))
    figures = []
    for name, at, limit in (("p50", 0, TIMES_P50), ("p99", 1, TIMES_P99)):
        ratios = [followed[at] / alone[at] for followed, alone in pairs]
        figures.append(
            of_repeats(
                f"tick to order with {CLIENTS} streaming clients: {name} / without",
                ratios,
                "x",
                "at most",
                limit,
                followed_ms=[followed[at] for followed, _ in pairs],
                alone_ms=[alone[at] for _, alone in pairs],
            )
        )
    return figures


def _orders(folder: Path, seconds: float, clients: int) -> tuple[float, float]:
    port = free_port()
    with _followed(port, clients):
        latency = run(_arguments(seconds, port), folder).report["latency_ms"]
    return latency["tick_to_order_p50"], latency["tick_to_order_p99"]


def _arguments(seconds: float, port: int) -> list[str]:
    every, first = RATE // ORDERS_PER_S, RATE // SYMBOLS * WARM_UP_S
    strategy = f"{Path(__file__).with_name('strategies.py')}:EveryNth:every={every},first={first}"
    return [*synthetic(SYMBOLS, RATE, WARM_UP_S + seconds), "--strategy", strategy, "--api-port", str(port)]


@contextmanager
def _followed(port: int, clients: int) -> Iterator[None]:
    if not clients:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", _FOLLOW, str(port), str(clients)])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _page(folder: Path, seconds: float, halts: int) -> list[Figure]:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SessionFailed("no chromium: apt-get install chromium")
    port = free_port()
    folder.mkdir(parents=True)
    command = [
        sys.executable, "-m", "penstock", "paper", *_arguments(1_800, port),
        "--data-dir", str(folder / "data"), "--out", str(folder / "out"),
    ]  # fmt: skip
    with (folder / "terminal.txt").open("wb") as terminal:
        session = subprocess.Popen(command, stdout=terminal, stderr=subprocess.STDOUT)
        try:
            with _arrivals(folder / "data") as arrived:
                return _look(chromium, port, arrived, seconds, halts)
        finally:
            session.terminate()
            session.wait()


@contextmanager
def _arrivals(data: Path) -> Iterator[dict[str, float]]:
    """Wall times, ms, at which fills (by id) and halts (by reason) were published into the log."""
    arrived: dict[str, float] = {}
    ended = threading.Event()

    def heard(_subject: str, _reply: str, _block: bytes, payload: bytes) -> None:
        message = json.loads(payload)
        arrived.setdefault(message.get("fill_id") or message.get("reason", ""), time.time() * 1000)

    async def listen() -> None:
        where = await running(DataDir.at(data))
        log = await Log.connect(where.nats_url, partition=where.partition, name="bench")
        for kind in ("ven.v1.fill", "ord.v1.state"):
            await log.client.tap(f"p{where.partition}.{kind}.>", heard)
        while not ended.is_set():  # noqa: ASYNC110  (another thread says when)
            await asyncio.sleep(0.1)
        await log.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()), name="arrivals")
    thread.start()
    try:
        yield arrived
    finally:
        ended.set()
        thread.join()


def _look(chromium: str, port: int, arrived: dict[str, float], seconds: float, halts: int) -> list[Figure]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only this measurement needs it)

    url = f"http://127.0.0.1:{port}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        try:
            page = browser.new_page(viewport={"width": 1360, "height": 860})
            page.set_default_timeout(120_000)
            _until_served(page, url)
            paint, transfer = _first_paint(page, url)
            page.goto(f"{url}#/orders")
            page.evaluate(_WATCH)
            page.wait_for_timeout((WARM_UP_S + seconds) * 1000)
            pixels = _pixels(page, arrived)
            halted = [_halt(page, arrived, number) for number in range(halts)]
        finally:
            browser.close()
    ordered = sorted(pixels)
    p95 = ordered[int(len(ordered) * 0.95)]
    return [
        Figure(
            "event in the log to the page, p95", p95, "ms", "below", PIXEL_MS,
            details={"fills": len(ordered), "p50_ms": statistics.median(ordered), "worst_ms": ordered[-1]},
        ),
        of_repeats("halt: click to HALTED in the log", halted, "ms", "below", HALT_MS, worst_ms=max(halted)),
        Figure("page: first useful paint", paint, "ms", "below", PAINT_MS),
        Figure("page: transfer", transfer, "kB", "below", TRANSFER_KB),
    ]  # fmt: skip


def _until_served(page: Any, url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            page.goto(url)
            page.wait_for_selector('body[data-connection="live"]')
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _first_paint(page: Any, url: str) -> tuple[float, float]:
    """Until equity stands on the page, ms, and what was fetched for it, kB; with an empty cache."""
    context = page.context.browser.new_context(viewport={"width": 1360, "height": 860})
    fresh = context.new_page()
    fetched: list[int] = []
    fresh.on("response", lambda response: fetched.append(int(response.headers.get("content-length", 0))))
    begin = time.monotonic()
    fresh.goto(url, wait_until="commit")
    fresh.locator(".tile .value", has_text="0").first.wait_for(timeout=60_000)
    took = (time.monotonic() - begin) * 1000
    fresh.wait_for_timeout(2_000)
    context.close()
    return took, sum(fetched) / 1000


def _pixels(page: Any, arrived: dict[str, float]) -> list[float]:
    seen = page.evaluate("window.seenAt")
    found = [at - arrived[key] for key, at in seen.items() if at and key in arrived]
    if not found:
        raise SessionFailed("no fill came to the page")
    return found


def _halt(page: Any, arrived: dict[str, float], number: int) -> float:
    """Milliseconds from the click to the halt in the log; trading is resumed afterwards."""
    reason = f"bench {number}"
    page.evaluate(_CLICKED)
    page.get_by_role("button", name="Halt", exact=True).click()
    page.get_by_role("textbox", name="Reason (").fill(reason)
    page.get_by_role("button", name="Halt now").click()
    page.locator("#facts", has_text="HALTED").wait_for()
    page.keyboard.press("Escape")
    at = next(ms for said, ms in arrived.items() if said.endswith(reason))
    took: float = at - page.evaluate("window.clickedAt")
    page.get_by_role("button", name="Resume / flatten").click()
    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("textbox", name="Reason (").fill("on")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.locator("#facts", has_text="ACTIVE").wait_for()
    page.keyboard.press("Escape")
    return took
