"""Quotes and books, recorded from venues, through all stages."""

from pathlib import Path
from typing import Any

import pytest
from penstock_research.chained import run_chained
from support.cli import resolved

FILES = {
    "quotes and trades": ("quotes/btc-usdt-2021-01-08.parquet", "trades/btc-usdt-2021-01-08.parquet"),
    "quotes": ("quotes/btc-usdt-2021-01-08.parquet",),
    "book": ("books/xrp-usdt-ob500.zip",),
}


def document(data: Path, files: tuple[str, ...], **ingest: Any) -> dict[str, Any]:
    sources = [f"replay:{data / file}" for file in files]
    made = resolved(
        sources[0], f"ingest.sources={sources}", 'run.strategies=[{source="book_imbalance"}]', profile="open"
    ).document
    made["ingest"].update(ingest)
    return made


@pytest.mark.parametrize("kind", sorted(FILES))
def test_fills_do_not_depend_on_runs_of_intervals_nor_on_batches(shared_data: Path, kind: str) -> None:
    whole = run_chained(document(shared_data, FILES[kind]))
    assert whole.fills
    stepwise = run_chained(document(shared_data, FILES[kind], batch_rows=3), runs=False)
    assert stepwise.fills_hash == whole.fills_hash


def test_a_book_with_a_hole_is_not_traded_on(shared_data: Path) -> None:
    names = ("books/btc-usdt-depth-snapshot.csv", "books/btc-usdt-depth-updates.csv")
    made = run_chained(document(shared_data, names))
    assert made.fills == []
