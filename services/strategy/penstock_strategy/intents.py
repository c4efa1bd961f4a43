"""What a callback returns: what the strategy wants, before it is numbered, priced and put out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal

from penstock_contracts.signals import OrderStyle
from penstock_contracts.types import Direction, TargetKind

Number = Decimal | int | float | str
"""An amount: a float stands for its shortest decimal, so 0.1 is one tenth."""


@dataclass(slots=True)  # nobody edits it; frozen it would take three times as long to make
class Wish:
    """A signal to be: `Strategy.long`, `short` and `flat` make them."""

    instrument: str
    direction: Direction
    price: Decimal
    """What it was decided on."""
    target_kind: TargetKind = TargetKind.RISK
    target: Decimal = Decimal(0)
    style: OrderStyle = field(default_factory=OrderStyle)
    confidence: float = 1.0
    metadata: dict[str, str] = field(default_factory=dict)
    volatility: float | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """A line for the operator: `Strategy.note` makes it."""

    level: Literal["info", "warning"]
    text: str


Intent = Wish | Remark
Intents = Intent | Iterable[Intent] | None
"""What callbacks return; a callback may also be a generator of them."""


def decimal(value: Number, what: str) -> Decimal:
    """The exact decimal of an amount. ValueError when it is none, or not finite."""
    try:
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"{what} must be a number, not {value!r}") from error
    if not exact.is_finite():
        raise ValueError(f"{what} must be finite, not {value!r}")
    return exact


def target_of(
    fraction: Number | None, quantity: Number | None, notional: Number | None
) -> tuple[TargetKind, Decimal]:
    """The target that was given; none leaves sizing to risk. ValueError for several, or one below 0."""
    given = [
        (kind, value)
        for kind, value in (
            (TargetKind.FRACTION, fraction),
            (TargetKind.QUANTITY, quantity),
            (TargetKind.NOTIONAL, notional),
        )
        if value is not None
    ]
    if not given:
        return TargetKind.RISK, Decimal(0)
    if len(given) > 1:
        raise ValueError("give one of fraction, quantity and notional")
    kind, value = given[0]
    target = decimal(value, kind.value)
    if target < 0:
        raise ValueError(f"{kind.value} must not be negative, not {value}: the side is in long or short")
    return kind, target
