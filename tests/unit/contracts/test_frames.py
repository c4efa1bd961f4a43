"""Frames: runs of outputs as one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts import frames, headers
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.headers import Origin


def output(index: int, content: bytes = b"{}") -> frames.Part:
    block = headers.numbered(
        "penstock.interval.done.v1", Origin("risk", 7, index), index, partition=0, config="c"
    )
    return "p0.ord.v1.done.-.-", block, content


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20))
def test_a_frame_gives_back_what_it_carries(contents: list[bytes]) -> None:
    parts = [output(index, content) for index, content in enumerate(contents, 1)]
    subject, block, data = frames.pack(parts)
    assert frames.is_frame(block)
    assert subject == parts[-1][0]
    assert frames.unpack(data, len(parts)) == parts


def test_a_frame_has_the_number_of_its_last_output_and_a_type_of_its_own() -> None:
    _, block, _ = frames.pack([output(1), output(2), output(3)])
    written = headers.parse(block)
    assert str(headers.origin_in(block)) == "risk:7:3"
    assert written[frames.FRAME] == "3"
    assert written[headers.TYPE] == frames.TYPE
    assert written[headers.SOURCE] == "/penstock/p0/risk"


def test_a_single_output_is_no_frame() -> None:
    assert not frames.is_frame(output(1)[1])


@given(st.integers(min_value=1, max_value=300))
def test_a_frame_that_is_cut_off_is_unreadable(cut: int) -> None:
    data = frames.pack([output(1), output(2)])[2]
    with pytest.raises(UnreadableMessage, match="frame"):
        frames.unpack(data[: -(cut % len(data)) or -1], 2)


@pytest.mark.parametrize("written", [b"", b"x", b"-1", b"1e3", b"9" * 40])
def test_a_count_that_is_none_is_unreadable(written: bytes) -> None:
    with pytest.raises(UnreadableMessage, match="frame"):
        frames.count_in(b"NATS/1.0\r\npenstock-frame: " + written + b"\r\n\r\n")


@given(st.binary(max_size=400), st.integers(0, 3))
def test_arbitrary_bytes_are_a_frame_or_unreadable(data: bytes, count: int) -> None:
    try:
        parts = frames.unpack(data, count)
    except UnreadableMessage:
        return
    assert frames.pack(parts)[2] == data
