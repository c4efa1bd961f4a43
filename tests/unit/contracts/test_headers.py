"""Header blocks: written once by formatting, read back as the same facts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.headers import (
    CAUSE,
    CONFIG,
    EPOCH,
    ID,
    INDEX,
    PRODUCER,
    RECEIVED,
    SOURCE,
    SPEC,
    TIME,
    TRACEPARENT,
    TYPE,
    Origin,
    numbered,
    origin_in,
    origin_of,
    parse,
    rfc3339,
    unnumbered,
)

ORIGIN = Origin("risk", 41, 7)


def test_a_numbered_output_carries_its_cloud_event_its_origin_and_its_cause() -> None:
    block = numbered(
        "penstock.order.approved.v1",
        ORIGIN,
        1_641_038_400_000_000_001,
        partition=2,
        config="abc",
        cause="strategy:41:3",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        received=5,
    )
    assert block.startswith(b"NATS/1.0\r\n")
    assert block.endswith(b"\r\n\r\n")
    assert parse(block) == {
        SPEC: "1.0",
        ID: "risk-41-7",
        TYPE: "penstock.order.approved.v1",
        SOURCE: "/penstock/p2/risk",
        TIME: "2022-01-01T12:00:00.000000001Z",
        PRODUCER: "risk",
        EPOCH: "41",
        INDEX: "7",
        CONFIG: "abc",
        CAUSE: "strategy:41:3",
        TRACEPARENT: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        RECEIVED: "5",
    }
    assert origin_in(block) == ORIGIN


def test_what_an_output_does_not_have_is_left_out() -> None:
    headers = parse(numbered("penstock.market.mark.v1", ORIGIN, 0, partition=0, config="abc"))
    assert not {CAUSE, TRACEPARENT, RECEIVED} & set(headers)


def test_nothing_carries_the_header_that_would_make_the_server_drop_a_repeat() -> None:
    block = numbered("t", ORIGIN, 0, partition=0, config="c") + unnumbered(
        "t", "i", 0, partition=0, source="s"
    )
    assert b"nats-msg-id" not in block.lower()


def test_a_control_message_has_no_origin() -> None:
    assert origin_in(unnumbered("penstock.control.command.v1", "c-1", 0, partition=0, source="api")) is None
    assert origin_in(b"") is None
    assert origin_of(None) is None
    assert origin_of({TYPE: "x"}) is None


@given(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789_.-", min_size=1, max_size=80), st.integers(0, 10**18 - 1)
)
def test_an_origin_is_read_as_written_in_any_order_of_headers(producer: str, number: int) -> None:
    origin = Origin(producer, number, number)
    assert origin_in(numbered("t", origin, 0, partition=0, config="c")) == origin
    reordered = f"NATS/1.0\r\n{INDEX}:{number}\r\n{PRODUCER}:{producer}\r\n{EPOCH}: {number} \r\n\r\n"
    assert origin_in(reordered.encode()) == origin


@pytest.mark.parametrize(
    "headers",
    [
        {PRODUCER: "risk", EPOCH: "1"},
        {EPOCH: "1", INDEX: "1"},
        {INDEX: "1"},
        {PRODUCER: "", EPOCH: "1", INDEX: "1"},
        {PRODUCER: "ri:sk", EPOCH: "1", INDEX: "1"},
        {PRODUCER: "risk", EPOCH: "-1", INDEX: "1"},
        {PRODUCER: "risk", EPOCH: "1_0", INDEX: "1"},
        {PRODUCER: "risk", EPOCH: "1", INDEX: "１"},  # noqa: RUF001  (a digit that int() would take)
        {PRODUCER: "risk", EPOCH: "1", INDEX: "9" * 5_000},
        {PRODUCER: "risk", EPOCH: "1", INDEX: "1.0"},
        {PRODUCER: "risk\r\nx", EPOCH: "1", INDEX: "1"},
    ],
)
def test_half_or_broken_numbering_is_unreadable(headers: dict[str, str]) -> None:
    with pytest.raises(UnreadableMessage, match="bad numbering headers"):
        origin_of(headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if "\r" not in value)
    if lines.count("\r\n") == len(headers):
        with pytest.raises(UnreadableMessage):
            origin_in(f"NATS/1.0\r\n{lines}\r\n".encode())


@given(st.binary(max_size=200))
def test_random_blocks_are_read_or_unreadable(block: bytes) -> None:
    for each in (block, b"NATS/1.0\r\npenstock-producer: risk\r\n" + block):
        parse(each)
        try:
            origin_in(each)
        except UnreadableMessage:
            continue


def test_a_status_line_and_lines_without_a_colon_are_skipped() -> None:
    assert parse(b"NATS/1.0 408 Request Timeout\r\nnonsense\r\na: b:c\r\n\r\n") == {"a": "b:c"}


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (999_999_999, "1970-01-01T00:00:00.999999999Z"),
        (1_000_000_000, "1970-01-01T00:00:01.000000000Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_times_are_utc_with_nine_decimals(ns: int, text: str) -> None:
    assert rfc3339(ns) == text
    assert rfc3339(ns) == text
