"""Marks and `done` written by hand are, byte for byte, what the general encoder writes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts import codec
from penstock_contracts.base import Message
from penstock_contracts.closing import BY_HAND
from penstock_contracts.control import Command
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark
from penstock_contracts.types import NEVER

NS = st.integers(0, NEVER)
DONE = st.builds(
    Done, ts=NS, start=NS, ended=st.booleans(), next_due=NS, quiet=st.booleans(), flat=st.booleans()
)
MARK = st.builds(
    Mark, ts=NS, start=NS, ended=st.booleans(), positions=st.dictionaries(st.text(), NS, max_size=5),
    quarantined=NS, events=NS,
)  # fmt: skip
COMMAND = Command(command_id="c-1", verb="halt", ts_issued=1, ts_expires=2, by="test")


def general(message: Message) -> bytes:
    """What the adapter of the class writes."""
    cls: Any = type(message)
    return codec.adapter(cls).serializer.to_json(message, warnings="error")


@given(st.one_of(DONE, MARK))
def test_the_bytes_are_those_of_the_general_encoder(message: Message) -> None:
    assert BY_HAND[type(message)](message) == general(message)


@pytest.mark.parametrize(
    "message",
    [
        Done(ts=1, start=0, commands=(COMMAND,)),
        Done(ts=1, start=0, stop='the "day" is over'),
        Mark(ts=1, start=0, commands=(COMMAND,)),
    ],
)
def test_what_is_not_plain_is_left_to_the_general_encoder(message: Message) -> None:
    assert BY_HAND[type(message)](message) is None
    assert codec.encode(message) == general(message)


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (Done(ts=1, start=0), "ts", 1.5),
        (Done(ts=1, start=0), "next_due", "never"),
        (Done(ts=1, start=0), "quiet", 1),
        (Done(ts=1, start=0), "ts", True),
        (Done(ts=1, start=0), "stop", None),
        (Done(ts=1, start=0), "commands", []),
        (Mark(ts=1, start=0), "positions", {"feed": "7"}),
        (Mark(ts=1, start=0), "positions", {7: 7}),
        (Mark(ts=1, start=0), "events", None),
        (Mark(ts=1, start=0), "ended", 0),
    ],
)
def test_a_field_of_another_type_than_declared_is_not_written_by_hand(
    message: Message, field: str, value: Any
) -> None:
    assert BY_HAND[type(message)](replace(message, **{field: value})) is None
