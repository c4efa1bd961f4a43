"""A little of `make fuzz`, without its guide: well-formed input with some of its bytes changed."""

from __future__ import annotations

import pytest
from fuzz.decoders import TARGETS, Finding, framed, seeds, subject_names
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts import frames, subjects

SEEDS = seeds()


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A target, and a seed of its with a few bytes replaced, cut out or put in."""
    target = draw(st.sampled_from(sorted(TARGETS)))
    data = bytearray(draw(st.sampled_from(SEEDS[target])))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return target, bytes(data)


@given(damaged())
def test_no_decoder_crashes_on_damaged_input(case: tuple[str, bytes]) -> None:
    target, data = case
    TARGETS[target](data)


@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=300))
def test_no_decoder_crashes_on_anything_at_all(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.parametrize("target", TARGETS)
def test_well_formed_input_is_taken(target: str) -> None:
    assert SEEDS[target]
    for each in SEEDS[target]:
        TARGETS[target](each)


def test_a_decoder_that_takes_what_it_would_not_write_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = subjects.parse
    monkeypatch.setattr(subjects, "parse", lambda text: parse(text.replace("p07.", "p7.")))
    with pytest.raises(Finding):
        subject_names(b"p07.md.v1.mark._._")
    pack = frames.pack
    monkeypatch.setattr(frames, "pack", lambda parts: (*pack(parts)[:2], b""))
    with pytest.raises(Finding):
        framed(SEEDS["frames"][0])
