"""The regime travels with the signal."""

from pathlib import Path

import pytest
from penstock_features.config import FeaturesConfig
from penstock_features.stage import FeaturesStage
from penstock_kernel.declarations import FeatureSpec
from penstock_kernel.session import SessionConfig
from penstock_strategy.config import StrategyConfig
from penstock_strategy.declarations import declarations
from penstock_strategy.stage import StrategyStage
from support.features import BTC, ETH, MINUTE, md_bars
from support.strategy import approved, bars, fill, session, signals, spec, written

REGIME = FeatureSpec(
    name="regime", function="regime", parameters={"period": 2, "trend": 0.5, "volatile": 2.0}
)

ALWAYS = """
class Mine(Strategy[Parameters, NoState]):
    def declare(self): return Needs(bars=(*self.bars(), *self.bars(every=5 * self.interval)))
    def on_bar(self, bar): return self.long(bar.instrument) if bar.interval == self.interval else None
    def on_fill(self, fill): return self.flat(fill.instrument)
"""


@pytest.fixture
def tagged(tmp_path: Path) -> SessionConfig:
    return session(spec(written(tmp_path, ALWAYS))).model_copy(update={"regime": REGIME})


def test_a_signal_carries_the_regime_of_its_bar(tagged: SessionConfig) -> None:
    features = FeaturesStage(FeaturesConfig.of(*declarations(tagged)), tagged)
    running = StrategyStage(StrategyConfig(), tagged)
    closes = [10_000 + number % 2 for number in range(11)] + [10_001, 10_002, 10_060]
    outputs = []
    for number, close in enumerate(closes, 1):
        batch = md_bars([(number, close, close, close, close, 1)])
        outputs += [each for made in features.process(batch) for each in running.process(made)]
    found = [each.regime for each in signals(outputs)]
    assert found == [None] * 10 + ["range", "range", "trend", "volatile"]


def test_it_is_computed_on_the_shortest_bars_only(tagged: SessionConfig) -> None:
    declared, _ = declarations(tagged)
    assert [(each.interval // MINUTE, len(each.features)) for each in declared] == [(1, 1), (5, 0)]


def test_a_signal_that_no_bar_brought_carries_the_last_known_one_and_a_snapshot_keeps_it(
    tagged: SessionConfig,
) -> None:
    running = StrategyStage(StrategyConfig(), tagged)
    (long,) = signals(running.process(bars([100], features={REGIME.column: [1.0]})))
    running.process(approved(long))
    state = running.snapshot()
    restored = StrategyStage(StrategyConfig(), tagged)
    restored.restore(state)
    for each in (running, restored):
        assert [one.regime for one in signals(each.process(fill()))] == ["trend"]


def test_instruments_have_regimes_of_their_own(tmp_path: Path) -> None:
    two = session(spec(written(tmp_path, ALWAYS), instruments=(BTC, ETH)))
    running = StrategyStage(StrategyConfig(), two.model_copy(update={"regime": REGIME}))
    (first,) = signals(running.process(bars([100], features={REGIME.column: [2.0]})))
    (second,) = signals(running.process(bars([100], key=ETH, features={REGIME.column: [float("nan")]})))
    assert (first.regime, second.regime) == ("volatile", None)
