"""hftbacktest's side, in the peers' environment: `python -m bench.peers.peer_hftbacktest WORK FOLDER`."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

from bench.peers.data import TICK, Columns, read
from bench.peers.works import CAPITAL, FEE_MAKER, FEE_TAKER, QUANTITY

LATENCY_NS = 20_000_000
EVERY_NS = 20_000_000_000


@njit  # type: ignore[untyped-decorator]
def passive(backtest: Any, quantity: float, every_ns: int) -> None:
    """What `strategies.Passive` does: one resting order, replaced every so often."""
    order = 0
    while backtest.elapse(every_ns - backtest.current_timestamp % every_ns) == 0:
        backtest.clear_inactive_orders(0)
        if order and order in backtest.orders(0):
            backtest.cancel(0, order, False)
        order += 1
        depth = backtest.depth(0)
        if backtest.position(0) > 0:
            backtest.submit_sell_order(0, order, depth.best_ask, quantity, GTC, LIMIT, False)
        else:
            backtest.submit_buy_order(0, order, depth.best_bid, quantity, GTC, LIMIT, False)


def events(columns: Columns) -> Any:
    """The library's own array; what is known at the venue is known here at once."""
    made = np.zeros(len(columns["ts"]), dtype=event_dtype)
    side = np.where(columns["side"] == "bid", BUY_EVENT, SELL_EVENT).astype(np.uint64)
    made["ev"] = side | np.uint64(DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT)
    made["exch_ts"] = made["local_ts"] = columns["ts"]
    made["px"], made["qty"] = columns["price"], columns["size"]
    return made


def run(data: Any) -> tuple[float, float, int, float]:
    """Seconds by the clock and of processor time, fills, and the change of equity."""
    asset = (
        BacktestAsset()
        .data(data)
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(float(FEE_MAKER), float(FEE_TAKER))
        .tick_size(TICK)
        .lot_size(0.001)
    )
    backtest = HashMapMarketDepthBacktest([asset])
    began, busy = time.perf_counter(), time.process_time()
    passive(backtest, float(QUANTITY), EVERY_NS)
    taken = (time.perf_counter() - began, time.process_time() - busy)
    state, depth = backtest.state_values(0), backtest.depth(0)
    middle = (depth.best_bid + depth.best_ask) / 2
    made = (*taken, int(state.num_trades), state.balance + state.position * middle - state.fee)
    backtest.close()
    return made


def main(name: str, folder: Path) -> None:
    """Measure twice: the first compiles."""
    began = time.perf_counter()
    data = events(read(next((folder / "books").glob("*.parquet"))))
    result = {"load_s": time.perf_counter() - began, "events": len(data), "runs_s": [], "cpu_s": []}
    for _ in range(2):
        seconds, cpu, fills, gained = run(data)
        result["runs_s"].append(seconds)
        result["cpu_s"].append(cpu)
        result |= {"fills_count": fills, "equity_final": round(CAPITAL + gained, 2)}
    (folder / f"{name}.peer.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
