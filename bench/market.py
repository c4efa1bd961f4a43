"""The data that the measurements run on: the recorded month of bars, or an invented one; invented trades."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from penstock_contracts.columns import text_column
from penstock_contracts.market import TradeBatch

REPOSITORY = Path(__file__).resolve().parents[1]
MONTH_BARS = 45_031
TRADES = 1_000_000
_MINUTE_S = 60
_MONTH_START_S = 1_640_991_660
_TRADES_START_NS = 1_641_038_400_000_000_000
_TRADE_DISTANCE_NS = 100_000_000


def month(folder: Path) -> tuple[Path, str]:
    """A file with a month of one-minute bars, and what it is: recorded, or invented below `folder`."""
    shared = Path(os.environ.get("PENSTOCK_SHARED", REPOSITORY.parent / "shared"))
    recorded = shared / "data" / "bars" / "btc-perp-1m-2022-01.csv.gz"
    if recorded.exists():
        return recorded, "recorded BTC month"
    return invented_month(folder / "btc-perp-1m.csv.gz"), "invented month (the recorded one is absent)"


def invented_month(file: Path, bars: int = MONTH_BARS, seed: int = 7) -> Path:
    """Write one-minute bars of a random walk; the same for the same seed."""
    random = np.random.Generator(np.random.PCG64(seed))
    moves = 1.0 + 0.0006 * random.standard_normal(bars)
    closes = np.round(46_000.0 * np.multiply.accumulate(moves))
    opens = np.concatenate(([46_000.0], closes[:-1]))
    highs = np.maximum(opens, closes) + random.integers(0, 30, bars)
    lows = np.minimum(opens, closes) - random.integers(0, 30, bars)
    volumes = random.integers(100_000, 4_000_000, bars)
    with gzip.open(file, "wt", encoding="ascii", compresslevel=1) as out:
        out.write("timestamp,open,high,low,close,volume\n")
        for row in range(bars):
            at = datetime.fromtimestamp(_MONTH_START_S + row * _MINUTE_S, UTC)
            prices = ",".join(f"{column[row]:.1f}" for column in (opens, highs, lows, closes))
            out.write(f"{at:%Y-%m-%d %H:%M:%S}.000000,{prices},{volumes[row]}.0\n")
    return file


def first_bars(source: Path, file: Path, bars: int) -> Path:
    """A copy of the first bars of a gzipped CSV file."""
    with gzip.open(source, "rt", encoding="ascii") as whole, gzip.open(file, "wt", encoding="ascii") as out:
        for number, line in enumerate(whole):
            if number > bars:
                break
            out.write(line)
    return file


def trades(instrument: str, rows: int = TRADES, seed: int = 11) -> TradeBatch:
    """Trades 100 ms apart whose price is a random walk of ticks; the same for the same seed."""
    random = np.random.Generator(np.random.PCG64(seed))
    ts = _TRADES_START_NS + _TRADE_DISTANCE_NS * np.arange(1, rows + 1, dtype=np.int64)
    return TradeBatch(
        instrument=instrument,
        source="bench",
        price_scale=1,
        size_scale=3,
        ts_event=ts,
        ts_init=ts,
        price=460_000 + np.cumsum(random.integers(-4, 5, rows)),
        size=random.integers(1, 5_000, rows),
        side=(2 * random.integers(0, 2, rows) - 1).astype(np.int8),
        flags=np.zeros(rows, dtype=np.int8),
        trade_id=np.resize(text_column(["t"]), rows),
    )
