from pathlib import Path

import pytest
from penstock_features.config import FeaturesConfig
from penstock_strategy.declarations import declarations
from support.features import BTC, ETH, MINUTE
from support.strategy import session, spec, written


def test_strategies_that_want_the_same_share_a_column() -> None:
    bars, rows = declarations(
        session(
            spec("ma_cross", name="a", fast=10, slow=30),
            spec("ma_cross", name="b", fast=10, slow=50, instruments=(ETH, BTC)),
            spec("ma_cross", name="c", fast=10, slow=30, interval=5 * MINUTE),
            spec("mean_reversion", name="d", period=30),
        )
    )
    assert [(each.instrument, each.interval, [one.name for one in each.features]) for each in bars] == [
        (BTC, MINUTE, ["ema_10", "ema_30", "ema_50", "sma_30", "deviation_30"]),
        (BTC, 5 * MINUTE, ["ema_10", "ema_30"]),
        (ETH, MINUTE, ["ema_10", "ema_50"]),
    ]
    assert rows == ()
    assert FeaturesConfig.of(bars, rows).bars == bars


def test_rows_are_declared_by_trigger(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
class Mine(Strategy[Parameters, NoState]):
    def declare(self):
        rows = (*self.trades(quick=feature("ema", period=5)), *self.quotes())
        return Needs(rows=rows, bars=self.bars(every=5))
""",
    )
    bars, rows = declarations(session(spec(source)))
    assert [(each.interval, each.features) for each in bars] == [(5, ())]
    assert [(each.trigger, [one.name for one in each.features]) for each in rows] == [
        ("quote", []), ("trade", ["ema_5"]),
    ]  # fmt: skip


def test_a_strategy_that_cannot_be_loaded_is_told() -> None:
    with pytest.raises(ValueError, match="unknown strategy 'none'"):
        declarations(session(spec("none")))


def test_each_declares_a_row_of_the_matrix_and_the_bars_of_the_others(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "class Mine(Strategy[Parameters, NoState]):\n    def declare(self):\n"
        "        corr = feature('correlation', other=EACH, period=5)\n"
        "        return Needs(bars=self.bars(of=self.instruments[0], corr=corr))",
    )
    bars, _ = declarations(session(spec(source, instruments=(BTC, ETH))))
    assert [(each.instrument, [one.name for one in each.features]) for each in bars] == [
        (BTC, [f"correlation_5_{ETH}"]),
        (ETH, []),
    ]
