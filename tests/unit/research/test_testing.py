"""What strategy authors test with, used as they would."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from penstock_research.testing import MINI_SYMBOLS, invented_trades, mini_bars, write_mini
from penstock_research.testing.fixtures import Trade
from support.ingest import open_files

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "strategies.md"
MINUTE = 60 * 10**9


def digest(frames: dict[str, pl.DataFrame]) -> str:
    return sha256("".join(frame.write_csv() for frame in frames.values()).encode()).hexdigest()[:16]


def test_the_mini_data_set_is_two_days_of_minutes_of_five_symbols() -> None:
    frames = mini_bars()
    assert list(frames) == list(MINI_SYMBOLS)
    for symbol, frame in frames.items():
        assert len(frame) == 2880
        assert frame["open_time"].diff().drop_nulls().unique().to_list() == [MINUTE]
        assert frame["open"][0] == MINI_SYMBOLS[symbol]
        for name in ("open", "close"):
            assert (frame["high"] >= frame[name]).all()
            assert (frame["low"] <= frame[name]).all()
        assert (frame["volume"] > 0).all()
        assert (frame["open"].shift(-1).drop_nulls() == frame["close"][:-1]).all()


def test_a_seed_always_makes_the_same_market() -> None:
    assert digest(mini_bars(days=1)) == "abfdb95c961c9600"
    assert digest(mini_bars(2, days=1)) != digest(mini_bars(days=1))


def test_the_symbols_move_together_as_much_as_was_asked() -> None:
    for wanted in (0.0, 0.6, 1.0):
        frames = mini_bars(correlation=wanted)
        returns = [
            np.diff(frame["close"].to_numpy()) / frame["close"].to_numpy()[:-1] for frame in frames.values()
        ]
        found = np.corrcoef(returns)[0, 1:].mean()
        assert abs(found - wanted) < 0.2


def test_the_files_are_read_without_a_word_of_doubt(tmp_path: Path) -> None:
    files = write_mini(tmp_path, days=1)
    feeds = open_files(*files)
    assert [feed.instrument.instrument for feed in feeds] == [f"{symbol}.replay" for symbol in MINI_SYMBOLS]
    assert all(feed.bar_interval == MINUTE and not feed.quarantined for feed in feeds)
    assert {feed.next_time() for feed in feeds} == {(1_767_225_600 + 60) * 10**9}


def test_invented_trades_burst_and_jump_on_demand() -> None:
    calm = invented_trades(seconds=60, jumps=0, bursts=0)
    lively = invented_trades(seconds=60, jumps=10, bursts=20)
    assert len(lively) > 1.3 * len(calm)

    def largest(frame: pl.DataFrame) -> float:
        return float(frame["price"].pct_change().abs().max())  # type: ignore[arg-type]

    assert largest(lively) > 0.0009 > largest(calm)
    assert calm["ts"].is_sorted()


def test_a_strategy_is_traded_in_one_line(trade: Trade) -> None:
    first = trade("ma_cross", parameters={"fast": 10, "slow": 40})
    again = trade("ma_cross", parameters={"fast": 10, "slow": 40})
    assert len(first.tally.fills) > 10
    assert first.fills_hash == again.fills_hash
    assert first.fills_hash != trade("ma_cross", parameters={"fast": 20, "slow": 80}).fills_hash


def test_several_symbols_and_other_data_are_traded_too(trade: Trade, mini_market: dict[str, Path]) -> None:
    result = trade("momentum", [mini_market["eth-usdt"], mini_market["sol-usdt"]])
    assert {fill.instrument for fill in result.tally.fills} == {"eth-usdt.replay", "sol-usdt.replay"}


@pytest.mark.parametrize("strategy", ["ma_cross", "mean_reversion", "momentum"])
def test_every_built_in_of_bars_trades_the_mini_market(trade: Trade, strategy: str) -> None:
    assert trade(strategy).tally.fills


def test_the_guides_test_passes_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trade: Trade, mini_market: dict[str, Path]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "breakout.py").write_text(blocks[0])
    (printed,) = [each for each in blocks if "mini_market" in each]
    scope: dict[str, Any] = {}
    exec(compile(printed, "guide", "exec"), scope)
    scope["test_it_trades_and_does_so_again"](trade, mini_market)
