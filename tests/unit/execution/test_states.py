"""The order state machine: the table, and that nothing leaves it."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from penstock_contracts.types import OrderState
from penstock_execution.errors import IllegalTransition
from penstock_execution.states import TRANSITIONS, Event, Lifecycle, Marker
from penstock_kernel.errors import HaltError

S, E = OrderState, Event


def after(*events: Event) -> OrderState | Marker:
    lifecycle = Lifecycle()
    for event in (E.SUBMIT, *events):
        lifecycle.apply(event)
    return lifecycle.state


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], S.IN_FLIGHT),
        ([E.ACCEPT], S.ACCEPTED),
        ([E.REJECT], S.REJECTED),
        ([E.ACCEPT, E.FILL], S.PARTIALLY_FILLED),
        ([E.ACCEPT, E.FILL, E.FILL, E.FILL_LAST], S.FILLED),
        ([E.FILL, E.ACCEPT], S.PARTIALLY_FILLED),
        ([E.FILL_LAST], S.FILLED),
        ([E.ACCEPT, E.EXPIRE], S.EXPIRED),
        ([E.ACCEPT, E.CANCEL], S.CANCELLED),
        ([E.CANCEL_REQUEST], S.CANCEL_PENDING),
        ([E.CANCEL_REQUEST, E.ACCEPT, E.FILL], S.CANCEL_PENDING),
        ([E.CANCEL_REQUEST, E.ACCEPT, E.CANCEL_REJECT], S.ACCEPTED),
        ([E.ACCEPT, E.CANCEL_REQUEST, E.FILL, E.CANCEL_REJECT], S.PARTIALLY_FILLED),
        ([E.ACCEPT, E.FILL, E.CANCEL_REQUEST, E.CANCEL_REJECT], S.PARTIALLY_FILLED),
        ([E.ACCEPT, E.CANCEL_REQUEST, E.FILL_LAST], S.FILLED),
        ([E.ACCEPT, E.CANCEL_REQUEST, E.CANCEL], S.CANCELLED),
        ([E.CANCEL_REQUEST, E.REJECT], S.REJECTED),
        ([E.ACCEPT, E.REPLACE_REQUEST], S.REPLACE_PENDING),
        ([E.ACCEPT, E.REPLACE_REQUEST, E.REPLACE], S.REPLACED),
        ([E.ACCEPT, E.REPLACE_REQUEST, E.FILL, E.REPLACE_REJECT], S.PARTIALLY_FILLED),
        ([E.ACCEPT, E.REPLACE_REQUEST, E.CANCEL_REQUEST, E.CANCEL], S.CANCELLED),
        ([E.ACCEPT, E.REPLACE_REQUEST, E.CANCEL_REQUEST, E.REPLACE], S.REPLACED),
        ([E.ANSWER_LOST], S.UNKNOWN),
        ([E.ANSWER_LOST, E.FOUND], S.ACCEPTED),
        ([E.ANSWER_LOST, E.ACCEPT], S.ACCEPTED),
        ([E.ANSWER_LOST, E.FILL], S.PARTIALLY_FILLED),
        ([E.ANSWER_LOST, E.FILL_LAST], S.FILLED),
        ([E.ANSWER_LOST, E.NOT_FOUND], S.LOST),
        ([E.ANSWER_LOST, E.CANCEL_REQUEST, E.FOUND, E.CANCEL_REJECT], S.ACCEPTED),
        ([E.ACCEPT, E.FILL, E.CANCEL_REQUEST, E.ANSWER_LOST, E.FOUND], S.PARTIALLY_FILLED),
        ([E.ANSWER_LOST, E.CANCEL_REQUEST, E.NOT_FOUND], S.LOST),
    ],
)
def test_events_lead_where_the_rules_say(events: list[Event], state: OrderState) -> None:
    assert after(*events) is state


@pytest.mark.parametrize(
    ("events", "illegal"),
    [
        ([E.ACCEPT], E.ACCEPT),
        ([E.ACCEPT], E.REJECT),
        ([E.ACCEPT], E.CANCEL_REJECT),
        ([E.ACCEPT], E.FOUND),
        ([], E.REPLACE_REQUEST),
        ([E.CANCEL_REQUEST], E.CANCEL_REQUEST),
        ([E.ANSWER_LOST], E.REPLACE_REQUEST),
        ([E.FILL_LAST], E.FILL),
        ([E.ANSWER_LOST, E.NOT_FOUND], E.FILL),
        ([E.ACCEPT], E.SUBMIT),
    ],
)
def test_an_event_that_the_table_does_not_list_raises_and_changes_nothing(
    events: list[Event], illegal: Event
) -> None:
    lifecycle = Lifecycle()
    for event in (E.SUBMIT, *events):
        lifecycle.apply(event)
    before = (lifecycle.state, lifecycle.below)
    with pytest.raises(IllegalTransition, match=f"{before[0]} cannot take {illegal}"):
        lifecycle.apply(illegal)
    assert (lifecycle.state, lifecycle.below) == before


def test_an_illegal_event_is_reason_to_halt() -> None:
    with pytest.raises(HaltError):
        Lifecycle().apply(E.FILL)


def test_the_table_covers_every_state_and_only_terminal_ones_have_no_way_out() -> None:
    assert set(TRANSITIONS) == {*OrderState, Marker.NEW}
    for state, row in TRANSITIONS.items():
        assert (not row) == (isinstance(state, OrderState) and state.terminal), state


def test_every_state_can_be_reached_and_every_event_happens_somewhere() -> None:
    targets = {target for row in TRANSITIONS.values() for target in row.values()}
    assert targets - {Marker.BELOW} == set(OrderState)
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


class OrderLife(RuleBasedStateMachine):
    """Any events in any order."""

    @initialize()
    def begin(self) -> None:
        self.lifecycle = Lifecycle()
        self.filled = False
        self.ended: OrderState | None = None

    @rule(event=st.sampled_from(Event))
    def happens(self, event: Event) -> None:
        state, below = self.lifecycle.state, self.lifecycle.below
        legal = event in TRANSITIONS[state]
        try:
            result = self.lifecycle.apply(event)
        except IllegalTransition:
            assert not legal
            assert (self.lifecycle.state, self.lifecycle.below) == (state, below)
            return
        assert legal
        assert result is self.lifecycle.state
        self.filled |= event in (E.FILL, E.FILL_LAST)
        if result.terminal:
            assert self.ended is None
            self.ended = result

    @invariant()
    def a_state_is_never_a_marker_of_the_table(self) -> None:
        assert self.lifecycle.state is not Marker.BELOW

    @invariant()
    def what_filled_is_never_again_told_as_unfilled(self) -> None:
        if self.filled:
            assert self.lifecycle.state not in (S.IN_FLIGHT, S.ACCEPTED)

    @invariant()
    def what_ended_stays_so(self) -> None:
        assert self.ended is None or self.lifecycle.state is self.ended


TestOrderLife = OrderLife.TestCase
