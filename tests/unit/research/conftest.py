"""The fixtures that strategy authors get."""

from penstock_research.testing.fixtures import mini_market, trade

__all__ = ["mini_market", "trade"]
