"""The strategies that come with Penstock."""

from typing import Any

from penstock_strategy.builtin.book_imbalance import BookImbalance
from penstock_strategy.builtin.ma_cross import MaCross
from penstock_strategy.builtin.mean_reversion import MeanReversion
from penstock_strategy.builtin.momentum import Momentum
from penstock_strategy.builtin.pairs import Pairs
from penstock_strategy.strategy import Strategy

BUILTIN: dict[str, type[Strategy[Any, Any]]] = {
    "book_imbalance": BookImbalance,
    "ma_cross": MaCross,
    "mean_reversion": MeanReversion,
    "momentum": Momentum,
    "pairs": Pairs,
}
"""By name."""
