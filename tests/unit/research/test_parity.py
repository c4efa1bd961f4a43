"""Every built-in strategy on every kind of recorded data: runs of intervals and single ones are the same."""

from pathlib import Path
from typing import Any

import pytest
from penstock_research.chained import run_chained
from penstock_strategy.builtin import BUILTIN
from support.cli import resolved

BARS = ("bars/btc-perp-1m-2022-01.csv.gz",)
PAIR = ("bars/eth-btc-5m.parquet", "bars/ltc-btc-5m.parquet")
TRADES = ("trades/btc-usdt-2021-01-08.parquet",)
QUOTES = ("quotes/btc-usdt-2021-01-08.parquet",)
BOTH = (*TRADES, *QUOTES)
BOOK = ("books/xrp-usdt-ob500.zip",)

RUNS: dict[str, list[tuple[tuple[str, ...], str, str]]] = {
    "ma_cross": [
        (BARS, "ma_cross:fast=10,slow=30", "2d"),
        (PAIR, "ma_cross:fast=5,slow=20,interval=15m", "3d"),
        (TRADES, "ma_cross:fast=3,slow=9", "1h"),
        (QUOTES, "ma_cross:fast=2,slow=5", "1h"),
        (BOTH, "ma_cross:fast=3,slow=9", "1h"),
    ],
    "mean_reversion": [
        (BARS, "mean_reversion:period=20,entry=1.5", "2d"),
        (TRADES, "mean_reversion:period=10,entry=1.2", "1h"),
        (QUOTES, "mean_reversion:period=5,entry=1.0", "1h"),
    ],
    "momentum": [
        (BARS, "momentum", "2d"),
        (PAIR, "momentum", "5d"),
        (TRADES, "momentum:period=5,entry=0.1", "1h"),
    ],
    "pairs": [(PAIR, "pairs", "8d")],
    "book_imbalance": [(QUOTES, "book_imbalance", "1h"), (BOOK, "book_imbalance", "1h")],
}


def documents() -> list[Any]:
    return [
        pytest.param(
            files, strategy, duration, id=f"{name}-{'+'.join(Path(file).parts[0] for file in files)}"
        )
        for name, runs in RUNS.items()
        for files, strategy, duration in runs
    ]


def test_every_built_in_is_here() -> None:
    assert set(RUNS) == set(BUILTIN)


@pytest.mark.parametrize(("files", "strategy", "duration"), documents())
def test_runs_of_intervals_and_single_ones_are_the_same(
    shared_data: Path, files: tuple[str, ...], strategy: str, duration: str
) -> None:
    sources = ", ".join(f'"replay:{shared_data / file}"' for file in files)
    document = resolved(
        f"replay:{shared_data / files[0]}",
        f"ingest.sources=[{sources}]",
        f"ingest.duration={duration}",
        f'run.strategies=["{strategy}"]',
    ).document
    runs, single = run_chained(document), run_chained(document, runs=False)
    for producer in ("strategy", "risk", "execution"):
        assert runs.outputs[producer] == single.outputs[producer]
    assert runs.outputs["strategy"] or files == BOOK
