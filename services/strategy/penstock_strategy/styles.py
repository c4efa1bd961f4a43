"""How a signal is to be traded: the styles that `long`, `short` and `flat` take."""

from decimal import Decimal
from typing import Any, TypedDict, Unpack

from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderType, TimeInForce

from penstock_strategy.intents import Number, decimal


class Options(TypedDict, total=False):
    """What every style takes."""

    time_in_force: TimeInForce
    """Default good till cancelled."""
    expire_at: int
    """Of good till date: event time, ns."""
    reduce_only: bool
    """Never beyond flat."""
    stop_loss: Number
    """Where the position is given up: a stop that works from the first fill on."""
    take_profit: Number
    """Where it is closed with a gain: a limit order. What one of the two fills, the other gives up."""
    trail: Number
    """How far the stop follows the best price, in quote currency."""
    modify: bool
    """Change what works in its place instead of cancelling it first, where that is possible."""


def market(**options: Unpack[Options]) -> OrderStyle:
    """At market: the default."""
    return _style(OrderType.MARKET, options)


def limit(price: Number, *, post_only: bool = False, **options: Unpack[Options]) -> OrderStyle:
    """At `price` or better. `post_only`: rejected where it would take at once."""
    return _style(OrderType.LIMIT, options, limit_price=price, post_only=post_only)


def stop(price: Number, *, limit: Number | None = None, **options: Unpack[Options]) -> OrderStyle:
    """At market once the price has moved against the order to `price`; with `limit` at that or better."""
    kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return _style(kind, options, stop_price=price, limit_price=limit)


def take_profit(price: Number, *, limit: Number | None = None, **options: Unpack[Options]) -> OrderStyle:
    """At market once the price has moved in the order's favour to `price`; with `limit` at that or better."""
    return _style(OrderType.TAKE_PROFIT, options, stop_price=price, limit_price=limit)


def trailing_stop(distance: Number, *, start: Number | None = None, **options: Unpack[Options]) -> OrderStyle:
    """A stop that follows the best price at a distance; it begins at `start`, or at the first price.

    Its `trail` is the distance: a bracket's own stop cannot trail beside it.
    """
    if "trail" in options:
        raise ValueError("a trailing stop has its distance; trail= is for the stop of a bracket")
    return _style(OrderType.TRAILING_STOP, options, stop_price=start, trail=distance)


def _style(kind: OrderType, options: Options, **fields: Any) -> OrderStyle:
    given = {**options, **fields}
    for name in ("limit_price", "stop_price", "stop_loss", "take_profit", "trail"):
        if given.get(name) is not None:
            given[name] = _positive(given[name], name)
    return OrderStyle(type=kind, **given)


def _positive(value: Number, name: str) -> Decimal:
    exact = decimal(value, name)
    if exact <= 0:
        raise ValueError(f"{name.replace('_', ' ')} must be positive, not {value}")
    return exact
