"""The prices of an order: triggers and limits on the tick, the collar, and the worst that it may get."""

from dataclasses import dataclass
from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderType
from penstock_kernel.money import ONE, round_down, round_up, unit

from penstock_risk.limits import Refusal

LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


@dataclass(frozen=True, slots=True)
class OrderPrices:
    """What an order says of prices, and what follows from it."""

    limit: Decimal | None
    stop: Decimal | None
    trail: Decimal | None
    distance: Decimal
    """From the market, or of a limit from its trigger; relative: what the collar is about."""
    worst: Decimal
    """The price at which the limits count it."""
    dearest: Decimal
    """The highest price at which it may trade by its own terms."""


def prices_of(
    definition: Instrument, style: OrderStyle, sign: int, decided: Decimal, market: Decimal, collar: Decimal
) -> OrderPrices | Refusal:
    """The prices of an order of this style and side, decided at a price; or what is wrong with them."""
    stop = _stop(definition, style, sign, decided)
    if isinstance(stop, Refusal):
        return stop
    limit = _limit(definition, style, sign)
    if isinstance(limit, Refusal):
        return limit
    anchor = decided if limit is None or stop is not None else limit
    distance = abs(anchor / market - ONE)
    if limit is not None and stop is not None:
        distance = max(distance, abs(limit / stop - ONE))
    if distance > collar:
        return Refusal(
            "price_collar", collar, distance, f"{limit or decided} is too far from the market's {market}"
        )
    start = decided if stop is None else stop
    trail = style.trail if style.type == OrderType.TRAILING_STOP else None
    if trail is not None and stop is None:
        start = max(decided, market) + trail if sign > 0 else min(decided, market)
    worst = limit or start * (ONE + sign * collar)
    return OrderPrices(limit, stop, trail, distance, worst, max(start, worst))


def step_of(definition: Instrument) -> Decimal:
    """The tick, or the last decimal of the price where there is none."""
    return definition.tick_size or unit(definition.price_decimals)


def on_tick(definition: Instrument, price: Decimal, sign: int) -> Decimal:
    """Rounded up for +1, down for -1."""
    step = step_of(definition)
    return round_up(price, step) if sign > 0 else round_down(price, step)


def _stop(definition: Instrument, style: OrderStyle, sign: int, decided: Decimal) -> Decimal | Refusal | None:
    kind = style.type
    if kind in {OrderType.MARKET, OrderType.LIMIT}:
        if style.stop_price is not None:
            return Refusal("style", text=f"a {kind} order has no stop price")
        return None
    if kind == OrderType.TRAILING_STOP and style.trail is None:
        return Refusal("style", text="a trailing stop without a trail")
    if style.stop_price is None:
        if kind == OrderType.TRAILING_STOP:
            return None
        return Refusal("stop_price", text=f"a {kind} order without a stop price")
    side = sign if kind in STOPS else -sign
    # The first price on the tick that would trigger it.
    stop = on_tick(definition, style.stop_price, side)
    if stop <= 0 or side * (stop - decided) <= 0:
        return Refusal("stop_price", decided, style.stop_price, "would be triggered at once")
    return stop


def _limit(definition: Instrument, style: OrderStyle, sign: int) -> Decimal | Refusal | None:
    kind = style.type
    if style.limit_price is None:
        if kind in LIMITED:
            return Refusal("limit_price", text=f"a {kind} order without a limit price")
        return None
    if kind not in LIMITED and kind != OrderType.TAKE_PROFIT:
        return Refusal("style", text=f"a {kind} order has no limit price")
    # Passive: a buy not above its limit, a sell not below it.
    limit = on_tick(definition, style.limit_price, -sign)
    if limit <= 0:
        return Refusal("limit_price", step_of(definition), style.limit_price, "below the first tick")
    return limit
