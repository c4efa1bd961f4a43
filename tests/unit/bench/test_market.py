"""Invented data: the same for the same seed, and what the real files look like."""

import gzip
from pathlib import Path

import numpy as np
from penstock_contracts.codec import same

from bench.market import first_bars, invented_month, trades


def test_an_invented_month_is_the_same_every_time(tmp_path: Path) -> None:
    one, other = invented_month(tmp_path / "a.gz", bars=500), invented_month(tmp_path / "b.gz", bars=500)
    assert gzip.decompress(one.read_bytes()) == gzip.decompress(other.read_bytes())


def test_every_invented_bar_holds_its_open_and_close_between_low_and_high(tmp_path: Path) -> None:
    lines = (
        gzip.decompress(invented_month(tmp_path / "a.gz", bars=500).read_bytes()).decode().splitlines()[1:]
    )
    assert len(lines) == 500
    for line in lines:
        opened, high, low, close, volume = (float(value) for value in line.split(",")[1:])
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert volume > 0


def test_the_first_bars_of_a_file_are_its_header_and_so_many_lines(tmp_path: Path) -> None:
    whole = invented_month(tmp_path / "a.gz", bars=50)
    part = gzip.decompress(first_bars(whole, tmp_path / "b.gz", 20).read_bytes()).decode().splitlines()
    assert part == gzip.decompress(whole.read_bytes()).decode().splitlines()[:21]


def test_invented_trades_lie_100_ms_apart_with_positive_prices_and_sizes() -> None:
    batch = trades("btc-perp.replay", rows=10_000)
    assert set(np.diff(batch.ts_init).tolist()) == {100_000_000}
    assert int(batch.price.min()) > 0
    assert int(batch.size.min()) > 0
    assert same(batch, trades("btc-perp.replay", rows=10_000))
