import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from penstock_contracts.base import Message
from penstock_contracts.market import BarBatch
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.session import StrategySpec
from penstock_strategy.declarations import declarations
from support.features import BTC, ETH, MINUTE, md_bars
from support.strategy import approved, bars, brief, fill, refused, session, signals, spec, stage


def decided(strategy: StrategySpec, batch: BarBatch) -> list[Message]:
    """What a strategy wants over a source's bars, through the real features."""
    features = FeaturesStage(FeaturesConfig.of(*declarations(session(strategy))), session(strategy))
    running = stage(strategy)
    return [each for message in features.process(batch) for each in running.process(message)]


def closes(values: Iterable[int]) -> BarBatch:
    return md_bars((number, value, value, value, value, 1) for number, value in enumerate(values, 1))


def averages(fast: list[float], slow: list[float], key: str = BTC) -> Message:
    return bars(range(100, 100 + len(fast)), key=key, features={"ema_1": fast, "ema_2": slow})


def directions(outputs: Iterable[Message]) -> list[tuple[str, str]]:
    return [(direction, price) for _, _, direction, price in brief(outputs)]


NAN = float("nan")


def cross(**parameters: object) -> StrategySpec:
    return spec("ma_cross", fast=1, slow=2, **parameters)


def test_the_cross_reverses_when_the_averages_change_sides() -> None:
    message = averages([NAN, 1.0, 3.0, 3.0, 2.0, 1.0, 3.0], [NAN, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    # The first side is no cross; equal averages are no side.
    assert directions(stage(cross()).process(message)) == [
        ("long", "1.02"),
        ("short", "1.05"),
        ("long", "1.06"),
    ]


@pytest.mark.parametrize(
    ("sides", "expected"),
    [("long", ["long", "flat"]), ("short", ["flat", "short"]), ("both", ["long", "short"])],
)
def test_the_cross_takes_the_sides_that_it_may(sides: str, expected: list[str]) -> None:
    message = averages([1.0, 3.0, 1.0], [2.0, 2.0, 2.0])
    assert [side for side, _ in directions(stage(cross(sides=sides)).process(message))] == expected


def test_averages_within_the_band_do_not_count() -> None:
    message = averages([0.9, 1.005, 1.011, 0.995], [1.0, 1.0, 1.0, 1.0])
    assert directions(stage(cross(band_bps=100)).process(message)) == [("long", "1.02")]


def test_the_cross_keeps_each_instrument_apart() -> None:
    running = stage(cross(instruments=(BTC, ETH)))
    running.process(averages([1.0], [2.0]))
    running.process(averages([3.0], [2.0], ETH))
    assert brief(running.process(averages([3.0], [2.0]))) == [("one", BTC, "long", "1.00")]
    assert brief(running.process(averages([3.0], [2.0], ETH))) == []


def test_a_refused_reversal_closes_the_side_that_the_averages_left() -> None:
    running = stage(cross())
    (long,) = signals(running.process(averages([1.0, 3.0], [2.0, 2.0])))
    running.process(approved(long))
    running.process(fill())
    (short,) = signals(running.process(averages([1.0], [2.0])))
    assert directions(running.process(refused(short))) == [("flat", "1.00")]
    assert running.process(refused(short)) == []


def test_a_refused_entry_waits_for_the_next_cross() -> None:
    running = stage(cross())
    (long,) = signals(running.process(averages([1.0, 3.0], [2.0, 2.0])))
    assert running.process(refused(long)) == []
    assert running.process(averages([3.0, 4.0], [2.0, 2.0])) == []


def test_the_fraction_is_the_target_and_without_one_risk_sizes() -> None:
    message = averages([1.0, 3.0], [2.0, 2.0])
    assert [str(each.target) for each in signals(stage(cross(fraction="0.3")).process(message))] == ["0.3"]
    assert [each.target_kind.value for each in signals(stage(cross()).process(message))] == ["risk"]


def steady(count: int) -> list[int]:
    return [10_000 + (10 if number % 2 else -10) for number in range(count)]


REVERT = {"period": 20, "entry": 3.0, "stop": 4.0}


def test_mean_reversion_sells_what_is_far_above_and_is_flat_back_at_the_mean() -> None:
    batch = closes([*steady(30), 10_100, 10_050, 9_990, 10_000])
    outputs = decided(spec("mean_reversion", **REVERT), batch)
    assert directions(outputs) == [("short", "101.00"), ("flat", "99.90")]
    assert all(float(each.metadata["z"]) for each in signals(outputs))


def test_mean_reversion_buys_what_is_far_below() -> None:
    outputs = decided(spec("mean_reversion", **REVERT), closes([*steady(30), 9_900, 10_010]))
    assert directions(outputs) == [("long", "99.00"), ("flat", "100.10")]


def test_mean_reversion_gives_up_beyond_its_stop_and_waits_for_z_to_come_back() -> None:
    # A quiet market, a move beyond the entry, then one far beyond the stop.
    quiet = [10_000 + (1 if number % 2 else -1) for number in range(60)]
    batch = closes([*quiet, 10_005, 10_100, 10_200, 10_100, 10_050])
    outputs = decided(spec("mean_reversion", period=60, entry=3.0, stop=5.0), batch)
    assert directions(outputs) == [("short", "100.05"), ("flat", "101.00")]


def test_mean_reversion_goes_on_from_its_position_when_a_signal_was_refused() -> None:
    running = stage(spec("mean_reversion", **REVERT))
    far = bars([10_100], features={"sma_20": [100.0], "deviation_20": [0.3]})
    (short,) = signals(running.process(far))
    assert running.process(refused(short)) == []
    assert running.process(far) == []  # not again at once
    running.process(bars([10_000], features={"sma_20": [100.0], "deviation_20": [0.3]}))
    assert [side for side, _ in directions(running.process(far))] == ["short"]


def test_a_price_that_stands_still_is_no_reason_to_act() -> None:
    assert decided(spec("mean_reversion", **REVERT), closes([10_000] * 100)) == []


def real_month(folder: Path) -> BarBatch:
    lines = (
        gzip.decompress((folder / "bars/btc-perp-1m-2022-01.csv.gz").read_bytes()).decode().splitlines()[1:]
    )
    ends, rows = [], []
    for line in lines:
        stamp, *prices = line.split(",")
        moment = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
        ends.append(int(moment.timestamp()) * 1_000_000_000)
        rows.append((0, *(round(float(value) * 100) for value in prices)))
    batch = md_bars(rows)
    batch.ts_event[:] = ends
    batch.ts_init[:] = ends
    return batch


@pytest.mark.parametrize(
    ("source", "lowest", "highest"), [("ma_cross", 400, 700), ("mean_reversion", 300, 1100)]
)
def test_the_defaults_trade_a_real_month_some_hundred_times(
    shared_data: Path, source: str, lowest: int, highest: int
) -> None:
    outputs = signals(decided(spec(source), real_month(shared_data)))
    assert lowest < len(outputs) < highest
    assert all(earlier.direction is not later.direction for earlier, later in pairwise(outputs))
    assert np.all(np.diff([each.ts for each in outputs]) >= MINUTE)
