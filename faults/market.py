"""The load: strategies that always have orders working, in so thin a market that each takes bars to fill."""

import gzip
import json
from pathlib import Path

import numpy as np

START_S = 1_640_995_200
"""2022-01-01T00:00:00Z."""
MINUTE_S = 60

ANY_PORT = "api.port=0"
_LOAD = Path(__file__).with_name("strategies.py")


def _strategies(*specs: str) -> str:
    return f"run.strategies={json.dumps(specs)}"


SETTINGS = (
    _strategies("ma_cross:fast=2,slow=5,fraction=0.05", f"{_LOAD}:Turner"),
    # Ten thousand turns must not eat the capital up.
    "execution.paper.fee_taker=0.00001",
    "execution.paper.spread_bps=0",
    "execution.paper.slippage_bps=0",
)
LIVE_SETTINGS = (
    'ingest.synthetic.symbols={"btc-usdt" = "100", "eth-usdt" = "50"}',
    _strategies(f"{_LOAD}:Turner", f"{_LOAD}:Rester"),
)


def write_bars(file: Path, bars: int, seed: int) -> Path:
    """Write one-minute bars of a random walk around 100; the same for the same seed."""
    random = np.random.Generator(np.random.PCG64(seed))
    closes = 10_000 + np.cumsum(random.integers(-4, 5, bars))
    closes = np.maximum(closes, 1_000)
    opens = np.concatenate(([10_000], closes[:-1]))
    highs = np.maximum(opens, closes) + random.integers(0, 4, bars)
    lows = np.minimum(opens, closes) - random.integers(0, 4, bars)
    volumes = random.integers(50, 150, bars)
    with file.open("w", encoding="ascii") as out:
        out.write("timestamp,open,high,low,close,volume\n")
        for row in range(bars):
            prices = ",".join(f"{column[row] / 100:.2f}" for column in (opens, highs, lows, closes))
            out.write(f"{START_S + MINUTE_S * (row + 1)},{prices},{volumes[row]}.0\n")
    return file


def bars_in(file: Path) -> int:
    """Rows of a CSV file with a heading, gzipped or not."""
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as opened:
        return sum(1 for _ in opened) - 1


def replay(file: Path) -> tuple[str, ...]:
    """Settings of a session that replays a file as fast as the stages follow."""
    return (f'ingest.sources=["replay:{file}"]', 'ingest.speed="max"', ANY_PORT, *SETTINGS)


def live(seed: int) -> tuple[str, ...]:
    """Settings of a session on the invented market at 1x."""
    return (f'ingest.sources=["synthetic:{seed}"]', 'ingest.speed="1x"', ANY_PORT, *LIVE_SETTINGS)
