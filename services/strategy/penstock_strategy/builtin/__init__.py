"""The strategies that come with Penstock."""

from typing import Any

from penstock_strategy.builtin.ma_cross import MaCross
from penstock_strategy.builtin.mean_reversion import MeanReversion
from penstock_strategy.strategy import Strategy

BUILTIN: dict[str, type[Strategy[Any, Any]]] = {"ma_cross": MaCross, "mean_reversion": MeanReversion}
"""By name."""
