"""The load: bars whose averages cross all the time, so thin that every order takes several bars to fill."""

from pathlib import Path

import numpy as np

START_S = 1_640_995_200
"""2022-01-01T00:00:00Z."""
MINUTE_S = 60

ANY_PORT = "api.port=0"
SETTINGS = (
    'run.strategies=["ma_cross:fast=2,slow=5,fraction=0.05", "ma_cross:fast=3,slow=8,fraction=0.05"]',
    # Ten thousand turns must not eat the capital up.
    "execution.paper.fee_taker=0.00001",
    "execution.paper.spread_bps=0",
    "execution.paper.slippage_bps=0",
)
LIVE_SETTINGS = ('run.strategies=["ma_cross:fast=1,slow=2,fraction=0.05"]',)


def write_bars(file: Path, bars: int, seed: int) -> Path:
    """Write one-minute bars of a random walk around 100; the same for the same seed."""
    random = np.random.Generator(np.random.PCG64(seed))
    closes = 10_000 + np.cumsum(random.integers(-4, 5, bars))
    closes = np.maximum(closes, 1_000)
    opens = np.concatenate(([10_000], closes[:-1]))
    highs = np.maximum(opens, closes) + random.integers(0, 4, bars)
    lows = np.minimum(opens, closes) - random.integers(0, 4, bars)
    volumes = random.integers(100, 400, bars)
    with file.open("w", encoding="ascii") as out:
        out.write("timestamp,open,high,low,close,volume\n")
        for row in range(bars):
            prices = ",".join(f"{column[row] / 100:.2f}" for column in (opens, highs, lows, closes))
            out.write(f"{START_S + MINUTE_S * (row + 1)},{prices},{volumes[row]}.0\n")
    return file


def replay(file: Path) -> tuple[str, ...]:
    """Settings of a session that replays a file as fast as the stages follow."""
    return (f'ingest.sources=["replay:{file}"]', 'ingest.speed="max"', ANY_PORT, *SETTINGS)


def live(seed: int) -> tuple[str, ...]:
    """Settings of a session on the invented market at 1x."""
    return (f'ingest.sources=["synthetic:{seed}"]', 'ingest.speed="1x"', ANY_PORT, *LIVE_SETTINGS)
