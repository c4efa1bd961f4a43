"""Trace context is a function of the log, and bad context from outside begins a new trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.headers import Origin
from penstock_kernel import tracing
from penstock_kernel.tracing import TraceParent, child, parse, root

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_traceparent_is_read_into_its_parts_and_written_again() -> None:
    parts = parse(PARENT)
    assert parts == TraceParent(TRACE, SPAN, 1)
    assert str(parts) == PARENT


def test_a_child_is_in_its_parents_trace_with_a_span_of_its_own() -> None:
    parts = parse(child(PARENT, "risk", 41, 7))
    assert parts is not None
    assert parts.trace_id == TRACE
    assert parts.span_id != SPAN
    assert parts.flags == 1


def test_a_restart_makes_the_same_ids_again_and_another_output_makes_others() -> None:
    assert child(PARENT, "risk", 41, 7) == child(PARENT, "risk", 41, 7)
    made = {
        child(PARENT, "risk", 41, 7),
        child(PARENT, "risk", 41, 8),
        child(PARENT, "risk", 42, 7),
        child(PARENT, "strategy", 41, 7),
        child(f"00-{TRACE[::-1]}-{SPAN}-01", "risk", 41, 7),
    }
    assert len(made) == 5
    assert len({root("a", "ingest", 41, 7), root("b", "ingest", 41, 7), root("a", "ingest", 41, 8)}) == 3
    assert root("a", "ingest", 41, 7) == root("a", "ingest", 41, 7)


def test_an_unsampled_parent_has_unsampled_children() -> None:
    assert child(f"00-{TRACE}-{SPAN}-00", "risk", 41, 7).endswith("-00")


def test_flags_that_are_not_known_are_not_passed_on() -> None:
    assert child(f"00-{TRACE}-{SPAN}-ff", "risk", 41, 7).endswith("-01")


@pytest.mark.parametrize("tail", ["", "-", "-more-to-come"])
def test_a_later_version_is_read_as_far_as_it_is_known(tail: str) -> None:
    assert parse(f"cc-{TRACE}-{SPAN}-01{tail}") == TraceParent(TRACE, SPAN, 1)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "00",
        PARENT.upper(),
        PARENT + "-more",
        PARENT + "\n",
        PARENT + " ",
        PARENT.replace("-", "_"),
        f"ff-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01x",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}g-01",
        f"00-{TRACE}-{SPAN}-1",
        "x" * 100_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_a_malformed_parent_begins_a_new_trace(malformed: str) -> None:
    assert parse(malformed) is None
    made = child(malformed, "risk", 41, 7)
    assert made == child("", "risk", 41, 7) == root("", "risk", 41, 7)
    assert parse(made) is not None


@given(st.text(max_size=80))
def test_whatever_the_parent_is_the_child_is_valid(parent: str) -> None:
    assert parse(child(parent, "risk", 1, 1)) is not None


def test_what_follows_from_a_tick_without_context_is_in_the_tick_s_trace() -> None:
    tick, row = Origin("ingest", 7, 12), Origin("features", 3, 40)
    derived = parse(tracing.derived("session", row, tick))
    first = parse(tracing.root("session", "ingest", 7, 12))
    assert derived is not None
    assert first is not None
    assert derived.trace_id == first.trace_id
    assert str(derived) == tracing.child(str(first), "features", 3, 40)
    assert tracing.derived("session", tick, None) == str(first)
