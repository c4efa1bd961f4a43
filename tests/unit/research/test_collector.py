"""A run spares the garbage collector, and leaves it as it was."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from penstock_research.backtest import Backtest
from penstock_research.collector import sparing_collector
from support.cli import write_bars


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)


def test_a_backtest_spares_the_collector_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 60, period=30)
    gc.set_threshold(700, 10, 10)
    frozen = gc.get_freeze_count()
    seen: set[tuple[int, int, int]] = set()
    Backtest(bars, "ma_cross", ingest={"bar_time": "end"}).run(lambda *_: seen.add(gc.get_threshold()))
    assert seen
    assert min(seen)[0] > 700
    assert (gc.get_threshold(), gc.get_freeze_count()) == ((700, 10, 10), frozen)


def test_a_run_that_fails_leaves_the_collector_as_it_was() -> None:
    gc.set_threshold(700, 10, 10)
    frozen = gc.get_freeze_count()
    with pytest.raises(RuntimeError), sparing_collector():
        raise RuntimeError
    assert (gc.get_threshold(), gc.get_freeze_count()) == ((700, 10, 10), frozen)


@pytest.mark.parametrize("first", [0, 10**6])
def test_a_collector_that_is_switched_off_or_spared_already_stays_so(first: int) -> None:
    gc.set_threshold(first, 10, 10)
    with sparing_collector():
        assert gc.get_threshold()[0] == first
    assert gc.get_threshold()[0] == first


def test_what_the_process_has_frozen_stays_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        with sparing_collector():
            pass
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
