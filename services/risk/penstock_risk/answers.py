"""What a command came to."""

from dataclasses import dataclass

from penstock_contracts.base import Message
from penstock_contracts.orders import TradingStateChanged
from penstock_kernel.ledger import plain

from penstock_risk.limits import Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to."""

    accepted: bool
    reason: str
    outputs: tuple[Message, ...] = ()
    """What was done, in order."""
    changed: TradingStateChanged | None = None
    """The change of the trading state, which is the answer itself."""
    refusal: Refusal | None = None
    """The rule that refused it, its limit and the value."""
    order_id: str | None = None
    """The order that it made."""


def refused(refusal: Refusal) -> Answer:
    """A command that a rule of the order desk refuses."""
    text = refusal.text
    if not text and refusal.limit is not None and refusal.value is not None:
        text = f"{plain(refusal.value)}, the limit is {plain(refusal.limit)}"
    return Answer(False, f"{refusal.rule}: {text}" if text else refusal.rule, refusal=refusal)
