"""The life of an order: one table, and the rules that it follows.

1. An order begins with `SUBMIT` and ends in a terminal state (`OrderState.terminal`), which nothing leaves.
2. A fill may come before the acknowledgement; the late acknowledgement then changes nothing.
3. The venue may cancel, expire or fill an order at any time while it works, asked or not.
4. A request to cancel or replace and a lost answer are laid over the order's own state, which goes on
   below: fills and acknowledgements move it, and a refused request or a found order uncovers it.
5. A cancel may be asked for at any time before the end, also while a replacement or an answer is open;
   a replacement only of an order that works.
6. An order whose answer was lost is `UNKNOWN` until the venue says: any answer about it proves it,
   `NOT_FOUND` makes it `LOST`. A lost order is never sent again.
7. An event that the table does not list for a state raises `IllegalTransition` and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from penstock_contracts.types import OrderState

from penstock_execution.errors import IllegalTransition


class Event(StrEnum):
    """What can happen to an order."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    REJECT = "reject"
    FILL = "fill"
    """A fill that leaves something open."""
    FILL_LAST = "fill_last"
    """The fill that leaves nothing open."""
    CANCEL_REQUEST = "cancel_request"
    CANCEL = "cancel"
    CANCEL_REJECT = "cancel_reject"
    EXPIRE = "expire"
    REPLACE_REQUEST = "replace_request"
    REPLACE = "replace"
    REPLACE_REJECT = "replace_reject"
    ANSWER_LOST = "answer_lost"
    FOUND = "found"
    NOT_FOUND = "not_found"


class Marker(StrEnum):
    """What stands in the table beside the states."""

    NEW = "new"
    """Before `SUBMIT`."""
    BELOW = "below"
    """The order's own state, below the request or the lost answer."""


_S, _E, _M = OrderState, Event, Marker
_ENDS: Final[Mapping[Event, OrderState | Marker]] = {
    _E.FILL_LAST: _S.FILLED,
    _E.CANCEL: _S.CANCELLED,
    _E.EXPIRE: _S.EXPIRED,
}

TRANSITIONS: Final[Mapping[OrderState | Marker, Mapping[Event, OrderState | Marker]]] = {
    _M.NEW: {_E.SUBMIT: _S.IN_FLIGHT},
    _S.IN_FLIGHT: {
        **_ENDS,
        _E.ACCEPT: _S.ACCEPTED,
        _E.REJECT: _S.REJECTED,
        _E.FILL: _S.PARTIALLY_FILLED,
        _E.CANCEL_REQUEST: _S.CANCEL_PENDING,
        _E.ANSWER_LOST: _S.UNKNOWN,
    },
    _S.ACCEPTED: {
        **_ENDS,
        _E.FILL: _S.PARTIALLY_FILLED,
        _E.CANCEL_REQUEST: _S.CANCEL_PENDING,
        _E.REPLACE_REQUEST: _S.REPLACE_PENDING,
    },
    _S.PARTIALLY_FILLED: {
        **_ENDS,
        _E.ACCEPT: _S.PARTIALLY_FILLED,
        _E.FILL: _S.PARTIALLY_FILLED,
        _E.CANCEL_REQUEST: _S.CANCEL_PENDING,
        _E.REPLACE_REQUEST: _S.REPLACE_PENDING,
    },
    _S.CANCEL_PENDING: {
        **_ENDS,
        _E.ACCEPT: _S.CANCEL_PENDING,
        _E.REJECT: _S.REJECTED,
        _E.FILL: _S.CANCEL_PENDING,
        _E.CANCEL_REJECT: _M.BELOW,
        _E.REPLACE: _S.REPLACED,
        _E.REPLACE_REJECT: _S.CANCEL_PENDING,
        _E.ANSWER_LOST: _S.UNKNOWN,
        _E.FOUND: _S.CANCEL_PENDING,
        _E.NOT_FOUND: _S.LOST,
    },
    _S.REPLACE_PENDING: {
        **_ENDS,
        _E.ACCEPT: _S.REPLACE_PENDING,
        _E.FILL: _S.REPLACE_PENDING,
        _E.CANCEL_REQUEST: _S.CANCEL_PENDING,
        _E.REPLACE: _S.REPLACED,
        _E.REPLACE_REJECT: _M.BELOW,
        _E.ANSWER_LOST: _S.UNKNOWN,
    },
    _S.UNKNOWN: {
        **_ENDS,
        _E.ACCEPT: _M.BELOW,
        _E.REJECT: _S.REJECTED,
        _E.FILL: _M.BELOW,
        _E.CANCEL_REQUEST: _S.CANCEL_PENDING,
        _E.REPLACE: _S.REPLACED,
        _E.FOUND: _M.BELOW,
        _E.NOT_FOUND: _S.LOST,
    },
    **{state: {} for state in OrderState if state.terminal},
}

_COVERING: Final = frozenset({_S.CANCEL_PENDING, _S.REPLACE_PENDING, _S.UNKNOWN})
_MOVES_BELOW: Final[Mapping[Event, OrderState]] = {
    _E.ACCEPT: _S.ACCEPTED,
    _E.FOUND: _S.ACCEPTED,
    _E.FILL: _S.PARTIALLY_FILLED,
}


@dataclass(slots=True)
class Lifecycle:
    """The state of one order."""

    state: OrderState | Marker = Marker.NEW
    below: OrderState = OrderState.IN_FLIGHT
    """While a request or a lost answer covers it: the order's own state. Else without meaning."""

    def apply(self, event: Event) -> OrderState:
        """Move to the next state and return it. IllegalTransition, with nothing changed, if there is none."""
        state = self.state
        target = TRANSITIONS[state].get(event)
        if target is None:
            raise IllegalTransition(f"an order that is {state} cannot take {event}")
        if state in _COVERING:
            moved = _MOVES_BELOW.get(event)
            if moved is not None and self.below is not OrderState.PARTIALLY_FILLED:
                self.below = moved
        elif target in _COVERING:
            assert isinstance(state, OrderState)
            self.below = state
        if target is Marker.BELOW:
            target = self.below
        assert isinstance(target, OrderState)
        self.state = target
        return target
