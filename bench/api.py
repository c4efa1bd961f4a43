"""Reading the api: 50 clients at 2 requests a second each, with 10,000 orders and a month of bars stored.

The clients are a process of their own. `Server-Timing` tells how long an answer took in the api, the clients'
clocks how long they waited.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import quantiles

import httpx
from penstock_api.config import ApiConfig
from penstock_api.server import POOL, serve
from penstock_contracts.control import Session
from penstock_runtime.embedded import EmbeddedNats, EmbeddedPostgres
from penstock_runtime.embedded.server import free_port
from penstock_runtime.log import Log, StreamLimits
from penstock_runtime.store.migrate import migrate
from penstock_runtime.store.pool import open_pool

from bench.figures import Figure

SESSION = "20240101-000000-bench"
KEY = "btc-usdt.binance"
ORDERS, BARS = 10_000, 31 * 24 * 60
CLIENTS, REQUESTS_PER_S = 50, 2.0
IN_PROCESS_MS_MAX, AT_CLIENT_MS_MAX = 50.0, 200.0
PATHS = (
    "session", "state", "health", "risk", "risk/settings", "strategies", "instruments", "positions",
    "balances", "prices", "orders/working", "orders?limit=100", "orders?limit=100&strategy=a", "orders/o-77",
    "orders/o-77/explain", "fills?limit=100", "signals?limit=100", "refusals?limit=100", "pnl?limit=500",
    f"market/{KEY}/bars?interval_s=60&limit=500", f"market/{KEY}/bars?interval_s=3600&limit=500",
    "audit?limit=100", "quarantine", "sessions", "reports", "dlq",
)  # fmt: skip
CONFIG = """
{"session": {"currency": "USDT", "instruments": [{
    "instrument": "btc-usdt.binance", "kind": "perpetual",
    "base": "BTC", "quote": "USDT", "settlement": "USDT",
    "lot_size": "0.001", "price_decimals": 1, "size_decimals": 3, "fee_maker": "0.0002", "fee_taker": "0.0005"
}]}}
"""
SESSION_ROW = """
INSERT INTO sessions (session, epoch, started_at, config_hash, code_hash) VALUES ($1, 1, 1, 'b', 'b')
"""
ORDER_ROWS = """
INSERT INTO orders (session, order_id, client_order_id, signal_id, ts, sequence, ordinal, strategy,
    instrument, side, type, quantity, limit_price, time_in_force, post_only, reduce_only, reference_price,
    reason, checks, status)
SELECT $1, 'o-' || n, 'o-' || n, 's-' || n, n * 1000, n, n, 'a', $2, 'buy', 'limit', 0.5, 46000.5, 'gtc',
    false, false, 46001, 'signal', '[]', 'filled'
FROM generate_series(1, $3::bigint) AS n
"""
FILL_ROWS = """
INSERT INTO fills (session, fill_id, order_id, order_ordinal, number, ts, ts_known, sequence, strategy,
    instrument, venue, side, price, quantity, fee, fee_currency, liquidity)
SELECT $1, 'f-' || n, 'o-' || n, n, 3, n * 1000, n * 1000, n, 'a', $2, 'binance', 'buy', 46000.5, 0.5, 9.2,
    'USDT', 'maker'
FROM generate_series(1, $3::bigint) AS n
"""
SIGNAL_ROWS = """
INSERT INTO signals (session, signal_id, ts, sequence, strategy, instrument, ordinal, side, confidence,
    target_kind, target, price, style, features_ref, metadata, outcome)
SELECT $1, 's-' || n, n * 1000, n, 'a', $2, n, 'long', 1, 'fraction', 0.1, 46001, '{}', '', '{}', 'approved'
FROM generate_series(1, $3::bigint) AS n
"""
PNL_ROWS = """
INSERT INTO pnl (session, ts, sequence, currency, equity, pnl_realized, pnl_unrealized, fees,
    gross_exposure, net_exposure, reserved, equity_peak, drawdown_max)
SELECT $1, n * 1000, n, 'USDT', 100000, 1, 1, 1, 1, 1, 0, 100000, 1
FROM generate_series(1, $2::bigint) AS n
"""
BAR_ROWS = """
INSERT INTO bars (session, instrument, interval, ts, ts_init, open, high, low, close, volume, flags, source,
    hash)
SELECT $1, $2, 60000000000, n * 60000000000, n * 60000000000, 46000.5, 46010, 45990, 46001, 12.5, 0, 'bench',
    decode('00', 'hex')
FROM generate_series(1, $3::bigint) AS n
"""


def measure(folder: Path, *, quick: bool) -> list[Figure]:
    """The slowest read's 95th percentile, in the api and at the client."""
    return asyncio.run(_measure(folder, 20.0 if quick else 60.0))


async def _measure(folder: Path, seconds: float) -> list[Figure]:
    nats, postgres = EmbeddedNats(folder / "nats"), EmbeddedPostgres(folder / "postgres")
    await asyncio.gather(nats.start(), postgres.start())
    try:
        await migrate(postgres.url)
        await _fill(postgres.url)
        return _figures(await _served(nats.url, postgres.url, folder, seconds), seconds)
    finally:
        await asyncio.gather(nats.stop(), postgres.stop())


async def _fill(url: str) -> None:
    pool = await open_pool(url, name="bench")
    await pool.execute(SESSION_ROW, SESSION)
    for rows in (ORDER_ROWS, FILL_ROWS, SIGNAL_ROWS):
        await pool.execute(rows, SESSION, KEY, ORDERS)
    await pool.execute(PNL_ROWS, SESSION, ORDERS)
    await pool.execute(BAR_ROWS, SESSION, KEY, BARS)
    await pool.execute("ANALYZE")
    pool.terminate()


async def _served(
    nats_url: str, postgres_url: str, folder: Path, seconds: float
) -> dict[str, list[tuple[float, float]]]:
    log = await Log.connect(nats_url, name="api")
    await log.declare(StreamLimits(bytes_max=1 << 28))
    await log.write_session(
        Session(phase="genesis", session_id=SESSION, ts=1, config_hash="b", code_hash="b", config=CONFIG)
    )
    pool, stop = await open_pool(postgres_url, name="api", settings=POOL), asyncio.Event()
    config = ApiConfig(port=free_port(), requests_per_s=1e5, requests_burst=10**5)
    serving = asyncio.create_task(serve(config, log, pool, stop, data_dir=folder))
    arguments = [sys.executable, "-m", "bench.api", f"http://127.0.0.1:{config.port}", str(seconds)]
    clients = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
    said, _ = await clients.communicate()
    stop.set()
    await serving
    await log.close()
    pool.terminate()
    if clients.returncode:
        raise RuntimeError(f"the clients ended with exit code {clients.returncode}")
    times: dict[str, list[tuple[float, float]]] = json.loads(said)
    return times


def _figures(times: dict[str, list[tuple[float, float]]], seconds: float) -> list[Figure]:
    here = {path: _p95([each[0] for each in found]) for path, found in times.items()}
    there = {path: _p95([each[1] for each in found]) for path, found in times.items()}
    details = {"requests": sum(map(len, times.values())), "seconds": seconds}
    return [
        Figure(
            "api: p95 of the slowest read, in the process", max(here.values()), "ms", "below",
            IN_PROCESS_MS_MAX, details={**details, "p95_ms": here},
        ),
        Figure(
            "api: p95 of the slowest read, at the client", max(there.values()), "ms", "below",
            AT_CLIENT_MS_MAX, details={**details, "p95_ms": there},
        ),
    ]  # fmt: skip


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


async def _ask(url: str, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """Be the clients; what each read took in the api and at the client, ms."""
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)

    async def client(number: int) -> None:
        async with httpx.AsyncClient(base_url=f"{url}/api/v1/", timeout=60) as http:
            await asyncio.sleep(number / CLIENTS / REQUESTS_PER_S)
            deadline, at = time.monotonic() + seconds, number
            while (now := time.monotonic()) < deadline:
                path, at = PATHS[at % len(PATHS)], at + 1
                answer = await http.get(path)
                took_ms = (time.monotonic() - now) * 1e3
                if answer.status_code != httpx.codes.OK:
                    raise RuntimeError(f"{path}: {answer.text}")
                times[path].append((float(answer.headers["server-timing"].partition("dur=")[2]), took_ms))
                await asyncio.sleep(max(0.0, 1 / REQUESTS_PER_S - took_ms / 1e3))

    async with httpx.AsyncClient() as http:
        while True:
            try:
                if (await http.get(f"{url}/readyz")).is_success:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        for path in PATHS:  # what an api does once after its start is no part of the figure
            await http.get(f"{url}/api/v1/{path}")
    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return times


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_ask(sys.argv[1], float(sys.argv[2])))))
