"""Momentum, pairs and book imbalance, on features made by hand and on the real ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from penstock_contracts.base import Message
from penstock_contracts.features import FeatureRows
from penstock_contracts.types import Side
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.session import StrategySpec
from penstock_strategy.declarations import declarations
from penstock_strategy.errors import StrategyLoadError
from penstock_strategy.stage import StrategyStage
from support.features import BTC, ETH, MINUTE, START, mark, md_bars, quotes
from support.strategy import approved, bars, brief, fill, refused, session, signals, spec, stage

MS = 1_000_000
NAN = float("nan")


def moves(
    changes: list[float], rsi: list[float] | None = None, volatility: float = 0.01, first: int = 1
) -> Message:
    """Bars whose return over 4 bars is given: with a volatility of 1 % a score is the change / 2 %."""
    count = len(changes)
    features = {
        "return_4": changes,
        "volatility_4": [volatility] * count,
        "rsi_14": rsi if rsi is not None else [50.0] * count,
    }
    return bars(range(100, 100 + count), first=first, features=features)


def directions(outputs: object) -> list[str]:
    return [direction for _, _, direction, _ in brief(outputs)]  # type: ignore[arg-type]


def momentum(**parameters: object) -> StrategySpec:
    return spec("momentum", period=4, **parameters)


def test_momentum_goes_with_a_large_move_until_it_is_gone() -> None:
    running = stage(momentum())
    # Scores 1, 2, 0.5, -0.1, -2: in above 1.5, out at 0, then the other way.
    outputs = running.process(moves([0.02, 0.04, 0.01, -0.002, -0.04]))
    assert brief(outputs) == [
        ("one", BTC, "long", "1.01"), ("one", BTC, "flat", "1.03"), ("one", BTC, "short", "1.04"),
    ]  # fmt: skip
    assert signals(outputs)[0].metadata == {"score": "2.00"}


def test_momentum_turns_at_once_when_the_move_reverses() -> None:
    assert directions(stage(momentum()).process(moves([0.04, -0.04]))) == ["long", "short"]


def test_momentum_does_not_chase_an_exhausted_move() -> None:
    assert directions(stage(momentum()).process(moves([0.04, 0.04], rsi=[81.0, 79.0]))) == ["long"]
    assert directions(stage(momentum()).process(moves([-0.04, -0.04], rsi=[19.0, 21.0]))) == ["short"]


def test_momentum_waits_while_features_warm_up_and_while_nothing_moves() -> None:
    assert directions(stage(momentum()).process(moves([0.04], volatility=NAN))) == []
    assert directions(stage(momentum()).process(moves([0.04], volatility=0.0))) == []


def test_momentum_that_was_refused_waits_until_the_move_is_over() -> None:
    running = stage(momentum())
    (long,) = signals(running.process(moves([0.04])))
    running.process(refused(long))
    # Still beyond the entry: no second try; back within; then a new move.
    assert directions(running.process(moves([0.04, 0.02, 0.04], first=2))) == ["long"]


@pytest.mark.parametrize(("sides", "expected"), [("long", ["long", "flat"]), ("short", ["short"])])
def test_momentum_takes_the_sides_that_it_may(sides: str, expected: list[str]) -> None:
    assert directions(stage(momentum(sides=sides)).process(moves([0.04, -0.04]))) == expected


# --- Pairs ---


def pair(**parameters: object) -> StrategySpec:
    return spec("pairs", instruments=(BTC, ETH), period=20, **parameters)


def compared(
    z: list[float], beta: float = 0.5, correlation: float = 0.9, first: int = 1
) -> tuple[Message, Message]:
    """The second's bars, then the first's: as they are shown."""
    count = len(z)
    features = {
        f"ratio_z_20_{ETH}": z, f"beta_20_{ETH}": [beta] * count,
        f"correlation_20_{ETH}": [correlation] * count,
    }  # fmt: skip
    return (
        bars([50] * count, key=ETH, first=first),
        bars(range(100, 100 + count), first=first, features=features),
    )


def shown(running: StrategyStage, messages: tuple[Message, Message]) -> list[Message]:
    return [each for message in messages for each in running.process(message)]


def test_pairs_sells_the_dearer_leg_against_the_cheaper_and_comes_back() -> None:
    outputs = shown(stage(pair()), compared([NAN, 1.9, 2.1, 1.0, 0.4]))
    assert brief(outputs) == [
        ("one", BTC, "short", "1.02"), ("one", ETH, "long", "0.50"),
        ("one", BTC, "flat", "1.04"), ("one", ETH, "flat", "0.50"),
    ]  # fmt: skip
    # Beta a half: the second leg is half of the first's tenth.
    assert [str(each.target.normalize()) for each in signals(outputs)[:2]] == ["0.1", "0.05"]


def test_pairs_hedges_within_bounds_or_equally() -> None:
    def hedge(beta: float, **parameters: object) -> str:
        return str(signals(shown(stage(pair(**parameters)), compared([-3.0], beta)))[1].target.normalize())

    assert (hedge(9.0), hedge(0.01), hedge(9.0, hedge="equal")) == ("0.4", "0.025", "0.1")


def test_pairs_needs_correlation_and_gives_up_beyond_its_stop_until_z_is_back() -> None:
    assert shown(stage(pair()), compared([3.0], correlation=0.1)) == []
    running = stage(pair())
    assert directions(shown(running, compared([-2.5, -4.5, -3.0, -1.0, -2.5]))) == [
        "long", "short", "flat", "flat", "long", "short",
    ]  # fmt: skip


def test_pairs_is_flat_in_both_legs_when_one_was_refused() -> None:
    running = stage(pair())
    short, long = signals(shown(running, compared([3.0])))
    running.process(approved(short))
    running.process(fill(side=Side.SELL))
    flat, other = signals(running.process(refused(long)))
    assert [(each.instrument, each.direction.value) for each in (flat, other)] == [
        (BTC, "flat"),
        (ETH, "flat"),
    ]
    # It does not ask twice while the order works, but again when the close was refused.
    assert shown(running, compared([3.0], first=2)) == []
    running.process(refused(flat))
    again = shown(running, compared([3.0, 3.0], first=3))
    assert [(key, way) for _, key, way, _ in brief(again)] == [(BTC, "flat")]
    running.process(fill(side=Side.BUY))
    # z must come back before the next entry.
    assert directions(shown(running, compared([3.0, 1.0, 3.0], first=5))) == ["short", "long"]


def test_pairs_needs_two_instruments() -> None:
    with pytest.raises(StrategyLoadError, match="pairs needs two instruments"):
        declarations(session(spec("pairs", instruments=(BTC,))))


def test_pairs_trades_a_ratio_that_leaves_its_mean_over_the_real_features() -> None:
    one = session(pair(entry=2.0, correlation_min=-0.99))
    features, running = (
        FeaturesStage(FeaturesConfig.of(*declarations(one)), one),
        stage(pair(correlation_min=-0.99)),
    )
    generator = np.random.Generator(np.random.PCG64(5))
    outputs: list[Message] = []
    for minute in range(1, 121):
        base = 10_000 + minute
        away = 400 if 60 <= minute < 70 else 0
        closes = {
            BTC: base + away + int(generator.integers(-9, 9)),
            ETH: base + int(generator.integers(-9, 9)),
        }
        made: list[Message] = []
        for key, close in closes.items():
            made += features.process(md_bars([(minute, close, close, close, close, 1)], key=key))
        made += features.end_interval(mark(minute * MINUTE, (minute - 1) * MINUTE, grid=MINUTE))
        outputs += [each for message in made for each in running.process(message)]
    found = [
        (key, way, signal.ts)
        for (_, key, way, _), signal in zip(brief(outputs), signals(outputs), strict=True)
    ]
    entry = START + 60 * MINUTE
    assert (BTC, "short", entry) in found
    assert (ETH, "long", entry) in found
    assert len(found) % 2 == 0


# --- Book imbalance ---


def top(rows: list[tuple[int, float, float]], key: str = BTC) -> FeatureRows:
    """Quotes of (ms after START, imbalance, spread)."""
    count = len(rows)
    return FeatureRows(
        instrument=key, trigger="quote", set_version="set1", names=("book_imbalance_5", "spread_bps"),
        price_scale=3, size_scale=3,
        ts=np.array([START + row[0] * MS for row in rows], dtype=np.int64),
        price=np.full(count, 100_005, dtype=np.int64), size=np.full(count, 2, dtype=np.int64),
        side=np.zeros(count, dtype=np.int8),
        values=np.array([[row[1], row[2]] for row in rows], dtype=np.float64),
    )  # fmt: skip


def test_book_imbalance_goes_with_the_heavier_side_while_the_spread_is_small() -> None:
    outputs = stage(spec("book_imbalance")).process(
        top([(1, NAN, 1.0), (2, 0.7, 3.0), (3, 0.7, 1.0), (4, 0.3, 1.0), (5, -0.1, 1.0)])
    )
    assert [(way, price) for _, _, way, price in brief(outputs)] == [("long", "100.005"), ("flat", "100.005")]
    assert signals(outputs)[0].ts == START + 3 * MS


def test_book_imbalance_holds_for_a_while_and_rests_after_it() -> None:
    outputs = stage(spec("book_imbalance", hold_ms_max=50, rest_ms=20)).process(
        top([(0, -0.9, 1.0), (49, -0.9, 1.0), (50, -0.9, 1.0), (69, -0.9, 1.0), (70, -0.9, 1.0)])
    )
    assert [(each.direction.value, (each.ts - START) // MS) for each in signals(outputs)] == [
        ("short", 0), ("flat", 50), ("short", 70),
    ]  # fmt: skip


def test_book_imbalance_that_was_refused_waits_until_the_book_is_even_again() -> None:
    running = stage(spec("book_imbalance", rest_ms=0))
    (long,) = signals(running.process(top([(1, 0.9, 1.0)])))
    running.process(refused(long))
    outputs = running.process(top([(2, 0.9, 1.0), (3, 0.1, 1.0), (4, 0.9, 1.0)]))
    assert [(each.ts - START) // MS for each in signals(outputs)] == [4]


def test_book_imbalance_over_the_real_features() -> None:
    one = session(spec("book_imbalance", period=1))
    features = FeaturesStage(FeaturesConfig.of(*declarations(one)), one)
    rows = quotes([(1, 10_000, 10_001), (2, 10_000, 10_001)])
    batch = replace(rows, bid_size=np.array([10, 90]), ask_size=np.array([10, 10]))
    outputs = [each for made in features.process(batch) for each in stage(*one.strategies).process(made)]
    # (90 - 10) / 100
    assert [(each.direction.value, each.metadata) for each in signals(outputs)] == [
        ("long", {"imbalance": "0.80"})
    ]


@pytest.mark.parametrize(
    ("source", "wrong", "text"),
    [
        ("momentum", {"exit": 2.0}, "exit must be below entry"),
        ("book_imbalance", {"exit": 0.7}, "exit must be below entry"),
        ("pairs", {"exit": 3.0}, "exit < entry < stop"),
        ("pairs", {"period": 5, "entry": 2.0}, "never reached with period 5"),
    ],
)
def test_parameters_that_cannot_be_are_refused(source: str, wrong: dict[str, object], text: str) -> None:
    with pytest.raises(StrategyLoadError, match=text):
        stage(spec(source, **wrong))


@pytest.mark.parametrize("source", ["momentum", "pairs", "book_imbalance"])
def test_a_snapshot_between_any_two_rows_changes_nothing(source: str, tmp_path: Path) -> None:
    generator = np.random.Generator(np.random.PCG64(11))
    strategy = {"momentum": momentum(), "pairs": pair(), "book_imbalance": spec("book_imbalance", rest_ms=3)}[
        source
    ]
    messages: list[Message] = []
    for number in range(1, 80):
        value = float(generator.normal(0, 0.05))
        if source == "momentum":
            messages.append(moves([value], first=number))
        elif source == "pairs":
            messages += compared([value * 60], first=number)
        else:
            messages.append(top([(number, value * 15, 1.0)]))
    whole = stage(strategy)
    expected = [each for message in messages for each in whole.process(message)]
    assert len(expected) > 4
    outputs: list[Message] = []
    running = stage(strategy)
    for message in messages:
        outputs += running.process(message)
        state = running.snapshot()
        running = stage(strategy)
        running.restore(state)
    assert outputs == expected
