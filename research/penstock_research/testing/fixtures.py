"""Pytest fixtures for strategies; `penstock_research.testing` says how to get them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from penstock_research.backtest import Backtest
from penstock_research.compose import StrategyLike
from penstock_research.outcome import Result
from penstock_research.testing.markets import write_mini


class Trade(Protocol):
    """Runs strategies over history."""

    def __call__(
        self,
        strategy: StrategyLike | Sequence[StrategyLike],
        data: Any = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        profile: str = "open",
        **settings: Any,
    ) -> Result: ...


@pytest.fixture(scope="session")
def mini_market(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The mini data set, seed 1: files of one-minute bars, two days, by symbol."""
    folder = tmp_path_factory.mktemp("mini")
    return {file.name.removesuffix("-1m.csv"): file for file in write_mini(folder)}


@pytest.fixture
def trade(mini_market: dict[str, Path]) -> Trade:
    """A function that backtests a strategy, over Bitcoin of the mini data set unless told otherwise."""

    def run(
        strategy: StrategyLike | Sequence[StrategyLike],
        data: Any = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        profile: str = "open",
        **settings: Any,
    ) -> Result:
        chosen = mini_market["btc-usdt"] if data is None else data
        return Backtest(chosen, strategy, parameters=parameters, profile=profile, **settings).run()

    return run
