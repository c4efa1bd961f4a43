"""Brackets: the stop and the target that protect the position which a signal wants."""

from dataclasses import dataclass
from decimal import Decimal

from penstock_contracts.instrument import Instrument
from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import OrderType

from penstock_risk.config import RiskConfig
from penstock_risk.limits import Refusal
from penstock_risk.prices import on_tick
from penstock_risk.state import Role


@dataclass(frozen=True, slots=True)
class Exit:
    """An order that closes the position when its price is reached."""

    role: Role
    type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None


def wanted(style: OrderStyle) -> bool:
    """Whether a style asks for a stop or a target."""
    trailing = style.trail is not None and style.type != OrderType.TRAILING_STOP
    return style.stop_loss is not None or style.take_profit is not None or trailing


def exits_of(
    config: RiskConfig, definition: Instrument, style: OrderStyle, sign: int, reference: Decimal
) -> list[Exit] | Refusal:
    """The exits of a position of this sign that is opened at about the reference; or what is wrong."""
    found: list[Exit] = []
    trail = style.trail if style.type != OrderType.TRAILING_STOP else None
    if style.stop_loss is not None or trail is not None:
        stop = None
        if style.stop_loss is not None:
            stop = on_tick(definition, style.stop_loss, -sign)
            if stop <= 0 or sign * (reference - stop) <= 0:
                return Refusal("stop_loss", reference, style.stop_loss, "not on the losing side")
        kind = OrderType.STOP if trail is None else OrderType.TRAILING_STOP
        found.append(Exit("stop", kind, stop_price=stop, trail=trail))
    if style.take_profit is not None:
        target = on_tick(definition, style.take_profit, sign)
        if target <= 0 or sign * (target - reference) <= 0:
            return Refusal("take_profit", reference, style.take_profit, "not on the winning side")
        found.append(Exit("target", OrderType.LIMIT, limit_price=target))
    for each in found:
        if each.type not in config.order_types:
            return Refusal("order_type", text=f"{each.type} orders may not pass")
    return found
