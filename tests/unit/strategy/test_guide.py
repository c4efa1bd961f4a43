"""The guide's examples are run as they are printed."""

import re
from pathlib import Path

import pytest
from penstock_contracts.base import Message
from penstock_features.registry import feature_types
from penstock_strategy.builtin import BUILTIN
from support.features import BTC
from support.strategy import approved, bars, brief, fill, signals, spec, stage

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "strategies.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)


@pytest.fixture
def breakout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "breakout.py").write_text(blocks()[0])
    return "breakout.py:Breakout"


def test_the_guides_test_passes_on_the_guides_strategy(breakout: str) -> None:
    scope: dict[str, object] = {}
    (printed,) = (each for each in blocks() if "def test_it_buys_above_the_range" in each)
    exec(compile(printed, "guide", "exec"), scope)
    scope["test_it_buys_above_the_range"]()  # type: ignore[operator]


def test_the_guides_strategy_stops_a_position_that_loses(breakout: str) -> None:
    running = stage(spec(breakout, bars=3))

    def shown(close: int, first: int) -> list[Message]:
        return list(running.process(bars([close], first=first, features={"atr_14": [0.10]})))

    outputs = [each for number, close in enumerate((100, 100, 100, 120), 1) for each in shown(close, number)]
    (long,) = signals(outputs)
    assert (str(long.target), long.metadata) == ("0.2", {"reason": "above the range"})
    running.process(approved(long))
    running.process(fill(price="1.20"))
    assert shown(101, 5) == []
    assert brief(shown(99, 6)) == [("one", BTC, "flat", "0.99")]


def test_the_guides_wishes_are_accepted(tmp_path: Path) -> None:
    body = "".join(f"        yield {line.split('  #')[0].rstrip()}\n" for line in blocks()[1].splitlines())
    (tmp_path / "wishes.py").write_text(
        "from penstock_strategy import *\nclass Wishes(Strategy[Parameters, NoState]):\n"
        "    def declare(self): return Needs(bars=self.bars())\n    def on_bar(self, bar):\n" + body
    )
    outputs = stage(spec(f"{tmp_path}/wishes.py:Wishes")).process(bars([100]))
    assert len(signals(outputs)) == 5
    assert len(outputs) == 6


def test_the_guide_names_every_feature_and_every_parameter() -> None:
    text = GUIDE.read_text()
    for each in feature_types():
        assert f"| `{each.name}` |" in text
    for name, cls in BUILTIN.items():
        assert f"`{name}`" in text
        for parameter in cls.parameters_type.model_fields:
            assert f"`{parameter}`" in text
