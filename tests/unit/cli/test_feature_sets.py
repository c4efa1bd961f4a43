"""Feature sets of the configuration: computed for every instrument, used by strategies, pinned."""

import os
from pathlib import Path

import pytest
from penstock.config.load import ConfigOptions, load
from penstock.config.resolve import Resolved, resolve
from penstock.errors import ConfigError
from penstock_features.config import FeaturesConfig
from penstock_strategy.declarations import declarations

SET = """
[[features.sets]]
name = "trend"
version = 1
features = { fast = { function = "ema", period = 5 }, strength = { function = "rsi", period = 14 } }
"""
STRATEGY = """
from penstock_strategy import Needs, NoState, Parameters, Strategy

class Mine(Strategy[Parameters, NoState]):
    def declare(self):
        return Needs(bars=self.bars(**self.feature_set("trend")))

    def on_bar(self, bar):
        return self.note(f"{bar['fast']} {bar['strength']}")
"""


def resolved(folder: Path, text: str, strategy: str = "ma_cross") -> Resolved:
    path = folder / "penstock.toml"
    path.write_text(f'run.strategies = ["{strategy}"]\ningest.sources = ["synthetic"]\n{text}')
    return resolve(load(ConfigOptions(None, path, (), ()), os.environ), "test", 10**18)


def columns(found: Resolved) -> set[str]:
    config = FeaturesConfig.model_validate(found.document["features"])
    return {feature.name for bar in config.bars for feature in bar.features}


def test_a_set_is_computed_whether_a_strategy_asks_for_it_or_not(tmp_path: Path) -> None:
    found = resolved(tmp_path, SET)
    assert {"ema_5", "rsi_14"} <= columns(found)
    (only,) = found.session.feature_sets
    assert only.instruments == tuple(each.instrument for each in found.session.instruments)


def test_a_strategy_takes_the_features_of_a_set_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STRATEGY)
    found = resolved(tmp_path, SET, f"{tmp_path}/mine.py:Mine")
    assert columns(found) >= {"ema_5", "rsi_14"}
    assert declarations(found.session)
    with pytest.raises(ConfigError, match="the session has no feature set 'trend'; it has none"):
        resolved(tmp_path, "", f"{tmp_path}/mine.py:Mine")


def test_a_digest_holds_version_and_features_together(tmp_path: Path) -> None:
    (only,) = resolved(tmp_path, SET).session.feature_sets
    pinned = f'{SET}digest = "{only.digest}"\n'
    assert resolved(tmp_path, pinned).session.feature_sets == (only,)
    with pytest.raises(ConfigError, match="a set that changed needs a new version"):
        resolved(tmp_path, pinned.replace("period = 5", "period = 6"))
    with pytest.raises(ConfigError, match="a set that changed needs a new version"):
        resolved(tmp_path, pinned.replace("version = 1", "version = 2"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SET.replace('"ema"', '"emma"'), r"features.sets.trend.features.fast: unknown feature 'emma'"),
        (SET.replace("period = 5", "period = 0"), "features.sets.trend.features.fast: .*period must be"),
        (SET + SET, "there are two sets of this name"),
        (f'{SET}instruments = ["no-usdt.synthetic"]', "the session has no no-usdt.synthetic"),
    ],
)
def test_a_set_that_cannot_be_is_told_with_its_path(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolved(tmp_path, text)
