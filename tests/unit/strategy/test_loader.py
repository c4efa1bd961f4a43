import re
from pathlib import Path

import pytest
from penstock_strategy.errors import StrategyLoadError
from penstock_strategy.loader import find, known, load
from penstock_strategy.state import check_state_type
from support.strategy import spec, stage, written


def problem(source: str, **parameters: object) -> str:
    with pytest.raises(StrategyLoadError) as caught:
        load(spec(source, **parameters))
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_built_in_strategies_are_found_by_name() -> None:
    assert known() == ["book_imbalance", "ma_cross", "mean_reversion", "momentum", "pairs"]
    assert find("ma_cross").__name__ == "MaCross"


def test_a_strategy_is_found_in_a_file(tmp_path: Path) -> None:
    source = written(tmp_path, "class Mine(Strategy[Parameters, NoState]):\n    pass")
    assert find(source).__name__ == "Mine"


def test_an_installed_package_offers_strategies_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "offer-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: offer\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        "[penstock.strategies]\n"
        "offered = penstock_strategy.builtin.ma_cross:MaCross\n"
        "gone = no_such_module:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find("offered").__name__ == "MaCross"
    assert "offered" in known()
    assert "does not load: No module named 'no_such_module'" in problem("gone")


def test_an_unknown_name_lists_what_there_is() -> None:
    text = problem("ma_cros")
    assert text.startswith("unknown strategy 'ma_cros' (did you mean ma_cross?); there are book_")


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    assert problem(f"{tmp_path}/none.py:X") == f"strategy file {tmp_path}/none.py does not exist"
    assert "name its class" in problem(f"{tmp_path}/none.py")
    source = written(tmp_path, "class Mine(Strategy[Parameters, NoState]):\n    pass\nnumber = 5")
    path = source.removesuffix(":Mine")
    assert problem(f"{path}:Mina") == f"strategy file {path} has no 'Mina' (did you mean Mine?); it has Mine"
    assert problem(f"{path}:number") == f"strategy {path}:number: 5 is not a Strategy"
    assert problem(f"{path}:dataclass") == f"strategy {path}:dataclass: dataclass is not a Strategy"
    assert "SyntaxError" in problem(written(tmp_path, "class Mine("))
    assert "ZeroDivisionError: division by zero" in problem(written(tmp_path, "1 / 0"))


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"fast": 0}, "one: parameter fast must be an integer from 1 to 5000, not 0"),
        ({"fast": "many"}, "one: parameter fast must be an integer from 1 to 5000, not 'many'"),
        ({"kind": "wma"}, "one: parameter kind must be 'ema' or 'sma', not 'wma'"),
        ({"fasst": 5}, "one: no parameter 'fasst' (did you mean fast?); it has fast, slow, kind, "),
        ({"fast": 100}, "one: parameter fast must be below slow (100), not 100"),
        ({"fraction": 0}, "one: parameter fraction must be a number above 0 to 10, or none, not 0"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_allowed(parameters: dict[str, object], text: str) -> None:
    assert problem("ma_cross", **parameters).startswith(text)


def test_a_parameter_without_default_must_be_given(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
class P(Parameters):
    size: float
class Mine(Strategy[P, NoState]):
    pass
""",
    )
    assert problem(source) == "one: parameter size is missing (a number)"
    assert load(spec(source, size="2.5")).parameters.model_dump() == {"size": 2.5}


def test_thresholds_that_can_never_be_reached_are_refused() -> None:
    assert "is never reached with period 5" in problem("mean_reversion", period=5, stop=9)
    assert "exit < entry < stop" in problem("mean_reversion", entry=1, exit=2)


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        ("return 5", "one: declare must return Needs, not int"),
        ("raise RuntimeError('x')", "one: declare: RuntimeError: x"),
        ("return Needs(warm_up=-1)", "one: warm_up must not be negative, not -1"),
        (
            "return Needs(bars=[self.bars()[0].model_copy(update={'instrument': 'a.b'})])",
            "one: it declares a.b, which it was not given",
        ),
        ("return self.bars(x=5)", "one: declare: TypeError: x must be what feature() makes, not 5"),
        (
            "return Needs(bars=[*self.bars(), *self.bars()])",
            "one: it declares btc-usdt.test twice: give all features to one declaration",
        ),
        (
            "return Needs(bars=self.bars(x=feature('beta', other='a.b', period=5)))",
            "one: x compares with a.b, which it was not given",
        ),
    ],
)
def test_a_wrong_declaration_is_told_when_the_strategy_is_loaded(
    tmp_path: Path, declare: str, text: str
) -> None:
    source = written(
        tmp_path, f"class Mine(Strategy[Parameters, NoState]):\n    def declare(self):\n        {declare}"
    )
    with pytest.raises(StrategyLoadError, match=re.escape(text)):
        stage(spec(source))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("x: set[str] = field(default_factory=set)", "State.x is set[str]: a state holds bool, int"),
        ("x: object = None", "State.x is object: a state holds"),
        ("x: list = field(default_factory=list)", "State.x is list: a state holds"),
        ("x: dict[float, int] = field(default_factory=dict)", "State.x is dict[float, int]: a state holds"),
        ("x: dict[str, list[bytes]] = field(default_factory=dict)", "State.x is bytes: a state holds"),
        ("x: int", "every field of State needs a default"),
        ("x: Nothing = None", "name 'Nothing' is not defined"),
    ],
)
def test_a_state_that_a_snapshot_could_not_hold_is_refused(tmp_path: Path, fields: str, text: str) -> None:
    source = written(
        tmp_path,
        f"from __future__ import annotations\n@dataclass\nclass State:\n    {fields}\n"
        "class Mine(Strategy[Parameters, State]):\n    pass",
    ).replace("mine.py", "late.py")
    # A future import must come first in its file.
    lines = (tmp_path / "mine.py").read_text().splitlines()
    (tmp_path / "late.py").write_text("\n".join([lines[1], lines[0], *lines[2:]]))
    assert text in problem(source)


def test_a_state_must_be_a_dataclass(tmp_path: Path) -> None:
    source = written(tmp_path, "class Mine(Strategy[Parameters, dict[str, int]]):\n    pass")
    assert problem(source) == "one: its state must be a dataclass, not dict[str, int]"


def test_a_state_may_nest_what_json_can_hold(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        """
from decimal import Decimal
from enum import StrEnum
class Colour(StrEnum):
    RED = "red"
@dataclass
class Inner:
    price: Decimal | None = None
    low: float = float("nan")
@dataclass
class State:
    colour: Colour = Colour.RED
    inner: dict[str, Inner] = field(default_factory=dict)
    pairs: list[tuple[int, float]] = field(default_factory=list)
class Mine(Strategy[Parameters, State]):
    def declare(self): return Needs(bars=self.bars())
    def on_start(self):
        self.state.inner["a"] = Inner(Decimal("1.10"))
        self.state.pairs.append((1, 0.1 + 0.2))
""",
    )
    check_state_type(find(source).state_type, "one")
    running, again = stage(spec(source)), stage(spec(source))
    running.process(object())
    saved = running.snapshot()
    again.restore(saved)
    assert again.snapshot() == saved
    assert b"0.30000000000000004" in saved
    assert b"NaN" in saved
