"""The trading state as a table.

ACTIVE trades. REDUCING lets pass only what brings a position nearer to zero. HALTED lets pass cancels
only, and is left by an operator alone. An event that the table does not list is illegal: it raises
and changes nothing.
"""

from enum import StrEnum

from penstock_contracts.types import TradingState
from penstock_kernel.errors import KernelError


class Event(StrEnum):
    """What can move the trading state."""

    HALT = "halt"
    RESUME = "resume"
    REDUCE = "reduce"
    FLATTEN = "flatten"
    OVERRIDE = "override"
    """`flatten` while HALTED, by a risk admin's explicit override."""
    STOP = "stop"
    NEW_DAY = "new_day"
    ENDED = "ended"


class IllegalTransition(KernelError):
    """The trading state does not allow the event; nothing changed."""


ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED

TRANSITIONS: dict[tuple[TradingState, Event], TradingState] = {
    (ACTIVE, Event.HALT): HALTED,
    (ACTIVE, Event.REDUCE): REDUCING,
    (ACTIVE, Event.FLATTEN): REDUCING,
    (ACTIVE, Event.STOP): REDUCING,
    (ACTIVE, Event.ENDED): REDUCING,
    (REDUCING, Event.HALT): HALTED,
    (REDUCING, Event.RESUME): ACTIVE,
    (REDUCING, Event.REDUCE): REDUCING,
    (REDUCING, Event.FLATTEN): REDUCING,
    (REDUCING, Event.STOP): REDUCING,
    (REDUCING, Event.NEW_DAY): ACTIVE,
    (REDUCING, Event.ENDED): REDUCING,
    (HALTED, Event.HALT): HALTED,
    (HALTED, Event.RESUME): ACTIVE,
    (HALTED, Event.OVERRIDE): REDUCING,
}


def next_state(state: TradingState, event: Event) -> TradingState:
    """The state after the event. Raises IllegalTransition when it is not allowed."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} is not possible while {state}") from None
