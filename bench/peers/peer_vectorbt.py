"""vectorbt's side of the sweep, in the peers' environment: `… -m bench.peers.peer_vectorbt WORK FOLDER`."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd  # noqa: TID251  # what this library takes
import vectorbt as vbt

from bench.peers.data import read
from bench.peers.works import CAPITAL, FEE_TAKER, QUANTITY, WINDOWS


def main(name: str, folder: Path) -> None:
    """Measure twice; the first compiles what Numba has not cached."""
    began = time.perf_counter()
    columns = read(next((folder / "month").glob("*.parquet")))
    close = pd.Series(columns["close"], index=pd.to_datetime(columns["ts"]))
    result = {"load_s": time.perf_counter() - began, "runs_s": [], "cpu_s": []}
    for _ in range(2):
        began, busy = time.perf_counter(), time.process_time()
        fast, slow = vbt.MA.run_combs(close, np.array(WINDOWS), r=2, ewm=True, short_names=["fast", "slow"])
        portfolio = vbt.Portfolio.from_signals(
            close,
            entries=fast.ma_crossed_above(slow),
            short_entries=fast.ma_crossed_below(slow),
            size=float(QUANTITY),
            fees=float(FEE_TAKER),
            init_cash=CAPITAL,
            upon_opposite_entry="reverse",
            freq="1min",
        )
        fills, final = int(portfolio.orders.count().sum()), float(portfolio.final_value().mean())
        result["runs_s"].append(time.perf_counter() - began)
        result["cpu_s"].append(time.process_time() - busy)
    pairs = len(WINDOWS) * (len(WINDOWS) - 1) // 2
    result |= {"events": len(close) * pairs, "fills_count": fills, "equity_final": round(final, 2)}
    (folder / f"{name}.peer.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
