"""For authors of strategies: invented markets, and pytest fixtures over them.

Put `pytest_plugins = ["penstock_research.testing.fixtures"]` into your `conftest.py`.
"""

from penstock_research.testing.markets import MINI_SYMBOLS, invented_trades, mini_bars, write_mini

__all__ = ["MINI_SYMBOLS", "invented_trades", "mini_bars", "write_mini"]
