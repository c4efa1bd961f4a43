"""The benchmarks' strategy turns at every n-th trade, whatever the prices do."""

from pathlib import Path
from typing import Any

from penstock_strategy.config import StrategyConfig
from penstock_strategy.stage import StrategyStage
from support.features import BTC
from support.strategy import approved, brief, fill, rows, session, signals, spec

from bench import strategies

SOURCE = f"{Path(strategies.__file__)}:EveryNth"


def stage(**parameters: Any) -> StrategyStage:
    return StrategyStage(StrategyConfig(), session(spec(SOURCE, **parameters)))


def test_it_turns_long_at_the_n_th_trade_and_not_again_while_the_outcome_is_open() -> None:
    made = stage(every=3).process(rows(range(100, 110)))
    assert [each[2] for each in brief(made)] == ["long"]


def test_it_turns_flat_at_the_next_n_th_trade_when_it_holds_a_position() -> None:
    one = stage(every=3)
    (signal,) = signals(one.process(rows([100, 101, 102])))
    one.process(approved(signal))
    one.process(fill())
    assert [each[2] for each in brief(one.process(rows([103, 104, 105])))] == ["flat"]


def test_it_does_not_begin_before_the_first_trades_are_over() -> None:
    one = stage(every=3, first=6)
    assert signals(one.process(rows(range(100, 106)))) == []
    assert len(signals(one.process(rows(range(106, 109))))) == 1
    assert BTC in one.snapshot().decode()
