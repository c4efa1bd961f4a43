"""The canonical order of business events."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import Family, Message
from penstock_contracts.control import Command
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.interval import Done
from penstock_contracts.signals import Note
from penstock_research.report.journal import ORDER, Event, Journal, from_line, to_line
from support.cli import resolved, run_chained, write_bars


def note(text: str) -> Note:
    return Note(strategy="s", ts=1, level="info", text=text)


def journal_of(messages: list[tuple[Family, Message]]) -> list[Event]:
    journal = Journal()
    events = [event for family, message in messages for event in journal.add(family, message)]
    return [*events, *journal.rest()]


@given(st.data())
def test_however_producers_interleave_the_order_is_the_same(data: st.DataObject) -> None:
    queues: dict[Family, list[Message]] = {
        family: [
            message
            for mark in (10, 20, 30)
            for message in (note(f"{family} {mark}"), Done(ts=mark, start=mark - 10))
        ]
        for family in ORDER
    }
    messages: list[tuple[Family, Message]] = []
    while any(queues.values()):
        family = data.draw(st.sampled_from([each for each in ORDER if queues[each]]))
        messages.append((family, queues[family].pop(0)))
    said = [(event.mark, event.message.text) for event in journal_of(messages)]
    assert said == [(mark, f"{family} {mark}") for mark in (10, 20, 30) for family in ORDER]


def test_commands_come_first_in_the_interval_whose_mark_lists_them_and_once() -> None:
    command = Command(command_id="c-1", verb="halt", ts_issued=1, ts_expires=2, by="me")
    messages: list[tuple[Family, Message]] = [("sig", note("wish"))]
    messages += [(family, Done(ts=10, start=0, commands=(command,))) for family in ORDER]
    assert [event.family for event in journal_of(messages)] == ["ctl", "sig"]


def test_what_was_cut_off_comes_last_and_without_a_mark() -> None:
    messages: list[tuple[Family, Message]] = [
        ("sig", note("closed")),
        ("sig", Done(ts=10, start=0)),
        ("ven", note("open")),
    ]
    assert [(event.mark, event.message.text) for event in journal_of(messages)] == [
        (10, "closed"),
        (None, "open"),
    ]


def test_every_event_of_a_run_survives_its_line(tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 150)
    run = run_chained(resolved(f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]'))
    events = journal_of(run.messages)
    assert len({type(event.message) for event in events}) >= 6
    assert [from_line(to_line(event)) for event in events] == events


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        '{"mark":1}',
        '{"mark":"x","type":"sig.v1.note","data":{}}',
        '{"mark":1,"type":"md.v1.trade","data":{}}',
        '{"mark":1,"type":"sig.v1.note","data":{}}',
        '{"mark":1,"type":"sig.vx.note","data":{}}',
        '{"mark":1,"type":"sig.v9.note","data":{}}',
    ],
)
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(UnreadableMessage):
        from_line(line)
