"""Strategies: features in, signals out. What a strategy's author needs is here."""

from penstock_contracts.types import TimeInForce

from penstock_strategy.intents import Intents
from penstock_strategy.strategy import (
    EACH,
    Feature,
    Needs,
    NoState,
    OrderEvent,
    Parameters,
    Strategy,
    feature,
)
from penstock_strategy.styles import limit, market, stop, take_profit, trailing_stop
from penstock_strategy.views import Bar, Row

__all__ = [
    "Strategy", "Parameters", "NoState", "Needs", "Feature", "feature", "EACH", "Bar", "Row", "Intents",
    "OrderEvent", "limit", "market", "stop", "take_profit", "trailing_stop", "TimeInForce",
]  # fmt: skip
