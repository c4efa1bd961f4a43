"""The gate of a stepped session: what it lets pass, and what a writer that takes over knows of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.control import Command
from penstock_contracts.market import Mark
from penstock_ingest.config import IngestConfig
from penstock_ingest.stepping import Gate
from pydantic import ValidationError


def step(number: int, marks: str = "1") -> Command:
    return Command(
        command_id=f"c-{number}",
        verb="step",
        ts_issued=0,
        ts_expires=1,
        by="python",
        arguments={"marks": marks},
    )


def mark(number: int, *commands: Command) -> Mark:
    return Mark(ts=100 * number + 100, start=100 * number, commands=commands)


def test_nothing_passes_before_the_first_step_and_no_more_than_was_asked_for() -> None:
    gate = Gate()
    assert not gate.open
    assert gate.admit(step(1, "2"))
    assert gate.admit(step(2))
    for number, finished in enumerate(("", "c-1", "c-2")):
        assert gate.open, number
        gate.passed()
        assert gate.finished == finished
    assert not gate.open


@pytest.mark.parametrize("marks", ["0", "-1", "1.5", "many", "", "1000001", "9" * 5000, "²"])
def test_a_step_of_no_number_of_marks_opens_nothing(marks: str) -> None:
    gate = Gate()
    assert not gate.admit(step(1, marks))
    assert not gate.open


@given(asked=st.lists(st.integers(1, 4), min_size=1, max_size=6), taken_over_after=st.integers(0, 30))
def test_a_writer_that_takes_over_between_any_two_marks_lets_pass_what_was_left(
    asked: list[int], taken_over_after: int
) -> None:
    steps = [step(number, str(marks)) for number, marks in enumerate(asked)]
    gate, marks, finished = Gate(), [], []
    for command in steps:
        assert gate.admit(command)
        carried = (command,)
        while gate.open:
            marks.append(mark(len(marks), *carried))
            carried = ()
            gate.passed()
            finished.append(gate.finished)
    assert len(marks) == sum(asked)

    again = Gate()
    for each in marks[:taken_over_after]:
        again.fold(each)
    known = {command.command_id for each in marks[:taken_over_after] for command in each.commands}
    for command in steps:
        if command.command_id not in known:  # the door knows those that a mark has carried
            again.admit(command)
    for number in range(taken_over_after, len(marks)):
        assert again.open
        again.passed()
        assert again.finished == finished[number]
    assert not again.open


def test_other_commands_open_nothing() -> None:
    gate = Gate()
    gate.fold(mark(0, replace(step(1), verb="halt")))
    assert not gate.open


def test_a_stepped_session_has_no_speed() -> None:
    assert IngestConfig(stepped=True, speed="max").stepped
    for speed in ("1x", "60x"):
        with pytest.raises(ValidationError, match='goes with speed = "max" only'):
            IngestConfig(stepped=True, speed=speed)
