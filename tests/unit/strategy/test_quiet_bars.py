"""Strategies that say how many bars need not be shown put out what they would if all were shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.codec import encode
from penstock_contracts.features import FeatureBars
from support.strategy import bars, brief, notes, spec, stage, written

NAN = float("nan")
COUNTING = """
@dataclass
class Kept:
    shown: int = 0
class P(Parameters):
    warm_up: int = 0
class Base(Strategy[P, Kept]):
    def declare(self): return Needs(bars=self.bars(), warm_up=self.parameters.warm_up)
    def on_bar(self, bar):
        self.state.shown += 1
        return self.long(bar.instrument, shown=self.state.shown) if bar.price >= 2 else None
    def quiet_bars(self, bars):
        return bars.end - bars.begin - 1
class Mine(Base):
    pass
class Other(Base):
    def on_bar(self, bar):
        return super().on_bar(bar)
class Failing(Base):
    def quiet_bars(self, bars):
        raise RuntimeError("cannot tell")
"""
LEVEL = st.sampled_from([1.0, 1.05, 1.1, 2.0, NAN])


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("counting"), COUNTING).rpartition(":")[0]


def averages(levels: list[tuple[float, float]]) -> FeatureBars:
    names = {"ema_2": [fast for fast, _ in levels], "ema_3": [slow for _, slow in levels]}
    return bars([100 + at for at in range(len(levels))], features=names)


@given(
    st.lists(st.tuples(LEVEL, LEVEL, st.integers(1, 9)), min_size=1, max_size=12),
    st.sampled_from([0.0, 1000.0]),
)
def test_the_cross_says_the_same_whether_bars_come_one_by_one_or_together(
    runs: list[tuple[float, float, int]], band_bps: float
) -> None:
    levels = [(fast, slow) for fast, slow, count in runs for _ in range(count)]
    cross = spec("ma_cross", fast=2, slow=3, band_bps=band_bps)
    message = averages(levels)
    whole, single = stage(cross), stage(cross)
    together = list(whole.process(message))
    one_by_one = [
        each for row in range(len(levels)) for each in single.process_until_output(message, row, row + 1)[1]
    ]
    assert [encode(each) for each in together] == [encode(each) for each in one_by_one]
    assert whole.snapshot() == single.snapshot()


def test_a_bar_that_need_not_be_shown_is_not(counting: str) -> None:
    made = stage(spec(f"{counting}:Mine")).process(bars([100] * 9 + [200]))
    assert [each.metadata for each in made] == [{"shown": "1"}]


def test_a_class_with_another_on_bar_is_shown_every_bar(counting: str) -> None:
    made = stage(spec(f"{counting}:Other")).process(bars([100] * 9 + [200]))
    assert [each.metadata for each in made] == [{"shown": "10"}]


def test_bars_of_a_warm_up_are_shown(counting: str) -> None:
    made = stage(spec(f"{counting}:Mine", warm_up=8)).process(bars([100] * 9 + [200]))
    assert [each.metadata for each in made] == [{"shown": "10"}]


def test_two_strategies_are_shown_what_either_needs(counting: str) -> None:
    both = stage(spec(f"{counting}:Mine", name="one"), spec(f"{counting}:Other", name="two"))
    assert [each.metadata for each in both.process(bars([100] * 9 + [200]))] == [{"shown": "10"}] * 2


def test_a_strategy_that_fails_to_tell_is_stopped_like_any_other(counting: str) -> None:
    outputs = stage(spec(f"{counting}:Failing")).process(bars([100] * 6 + [200]))
    assert brief(outputs) == []
    (note,) = notes(outputs)
    assert "RuntimeError: cannot tell in quiet_bars" in note.text
