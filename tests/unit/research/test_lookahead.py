"""Planted ways of knowing the future are found; strategies that know nothing of it are not accused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from penstock_contracts.venue import Fill
from penstock_execution.stage import ExecutionStage
from penstock_research.lookahead import Checked, check_lookahead
from support.cli import resolved, write_bars

HEAD = """
import csv
from dataclasses import dataclass, field
from penstock_strategy import Bar, Intents, Needs, Parameters, Strategy, feature

class FromFile(Parameters):
    file: str = ""

@dataclass
class Seen:
    count: int = 0
    closes: list[float] = field(default_factory=list)

class Planted(Strategy[FromFile, Seen]):
    def declare(self) -> Needs:
        return Needs(bars=self.bars())

    def read(self) -> list[float]:
        if not self.state.closes:
            with open(self.parameters.file or KNOWN) as opened:
                self.state.closes = [float(row["close"]) for row in csv.DictReader(opened)]
        return self.state.closes

    def turn(self, bar: Bar, up: bool) -> Intents:
        return self.long(bar.instrument) if up else self.short(bar.instrument)
"""
NEGATIVE_SHIFT = (
    HEAD
    + """
    def on_bar(self, bar: Bar) -> Intents:
        closes, at = self.read(), self.state.count
        self.state.count += 1
        if at + 1 >= len(closes):
            return None
        return self.turn(bar, closes[at + 1] > bar.close)
"""
)
FULL_SAMPLE_MEAN = (
    HEAD
    + """
    def on_bar(self, bar: Bar) -> Intents:
        closes = self.read()
        return self.turn(bar, bar.close < sum(closes) / len(closes))
"""
)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    return write_bars(tmp_path / "btc-perp-1m.csv", 300, period=37)


def checked(bars: Path, strategy: str) -> Checked:
    run = resolved(f"replay:{bars}", f'run.strategies=["{strategy}"]')
    return check_lookahead(run.document, run.feeds)


def planted(bars: Path, code: str, *, constant: bool = False) -> Checked:
    file = bars.with_name("planted.py")
    file.write_text(f"KNOWN = {str(bars)!r}\n{code}", encoding="utf-8")
    return checked(bars, f"{file}:Planted" + ("" if constant else f":file={bars}"))


@pytest.mark.parametrize("code", [NEGATIVE_SHIFT, FULL_SAMPLE_MEAN], ids=["shift", "mean"])
def test_a_strategy_that_reads_ahead_is_found_by_cutting_its_data(bars: Path, code: str) -> None:
    found = planted(bars, code)
    assert "cut" in {each.kind for each in found.findings}
    assert "btc-perp.replay" in found.findings[0].text


def test_a_strategy_that_reads_a_file_of_its_own_decides_the_same_in_a_mirrored_market(bars: Path) -> None:
    code = (
        HEAD
        + """
    def on_bar(self, bar: Bar) -> Intents:
        closes, at = self.read(), self.state.count
        self.state.count += 1
        return self.turn(bar, closes[min(at + 1, len(closes) - 1)] > closes[at])
"""
    )
    assert {each.kind for each in planted(bars, code, constant=True).findings} == {"other_data"}


@pytest.mark.parametrize("plant", ["fill_time", "fill_price"])
def test_fills_that_could_not_have_been_are_found(
    bars: Path, monkeypatch: pytest.MonkeyPatch, plant: str
) -> None:
    end_interval = ExecutionStage.end_interval

    def planted_fill(fill: Fill) -> Fill:
        if plant == "fill_price":
            return replace(fill, price=fill.price * 2)
        return replace(fill, ts=fill.ts - 60 * 10**9)  # in the bar that was decided on

    def cheating(stage: ExecutionStage, end: Any) -> Any:
        made = end_interval(stage, end)
        return [planted_fill(each) if type(each) is Fill else each for each in made]

    monkeypatch.setattr(ExecutionStage, "end_interval", cheating)
    assert {each.kind for each in checked(bars, "ma_cross:fast=3,slow=9").findings} == {plant}


@pytest.mark.parametrize("strategy", ["ma_cross:fast=3,slow=9", "mean_reversion:period=12,entry=1.2"])
def test_built_ins_know_nothing_of_the_future(bars: Path, strategy: str) -> None:
    found = checked(bars, strategy)
    assert found.findings == ()
    assert found.signals > 5
    assert found.fills > 5
