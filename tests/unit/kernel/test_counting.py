"""Every reader of one log takes the same messages, each output once, whatever lies in the log."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.control import Claim, Session
from penstock_contracts.headers import Origin
from penstock_kernel.counting import Counter, Verdict

EPOCH = 10
LOG = st.lists(st.tuples(st.sampled_from([9, EPOCH, 11]), st.integers(1, 8)), max_size=40)
"""Epoch and number of each message of one producer, in the order of the log."""


def genesis(phase: str = "genesis") -> Session:
    return Session(phase=phase, session_id="s", ts=0, config_hash="", code_hash="")  # type: ignore[arg-type]


def claim(succeeds: int, producer: str = "ingest") -> Claim:
    return Claim(producer=producer, nonce="n", succeeds=succeeds)


def judged(counter: Counter, log: list[tuple[int, int]], first: int = 0) -> list[Verdict]:
    return [
        counter.judge(first + place, Origin(counter.producer, epoch, index))
        for place, (epoch, index) in enumerate(log, start=1)
    ]


def test_the_next_number_is_taken_and_a_copy_of_it_ignored() -> None:
    counter = Counter("risk", EPOCH)
    assert judged(counter, [(EPOCH, 1), (EPOCH, 1), (EPOCH, 2), (EPOCH, 1)]) == [
        Verdict.TAKE,
        Verdict.IGNORE,
        Verdict.TAKE,
        Verdict.IGNORE,
    ]
    assert counter.next_index == 3


def test_after_a_gap_nothing_is_taken_until_the_missing_number_comes_and_all_after_it_again() -> None:
    counter = Counter("risk", EPOCH)
    log = [(EPOCH, number) for number in (1, 2, 4, 5, 3, 4, 5)]
    assert [verdict.value for verdict in judged(counter, log)] == [
        "take", "take", "ahead", "ahead", "take", "take", "take",
    ]  # fmt: skip


def test_a_gap_is_known_by_where_it_was_first_seen_and_forgotten_when_it_is_filled() -> None:
    counter = Counter("risk", EPOCH)
    judged(counter, [(EPOCH, 1), (EPOCH, 3), (EPOCH, 4)], first=100)
    assert counter.missing_since == 102
    judged(counter, [(EPOCH, 1)], first=103)
    assert counter.missing_since == 102
    judged(counter, [(EPOCH, 2)], first=104)
    assert counter.missing_since is None


def test_late_copies_of_another_epoch_are_ignored_whatever_their_number() -> None:
    counter = Counter("risk", EPOCH)
    assert set(judged(counter, [(9, 1), (11, 1), (9, 5)])) == {Verdict.IGNORE}
    assert counter.missing_since is None
    assert counter.next_index == 1


@given(LOG)
def test_what_is_taken_is_one_two_three_of_the_current_epoch(log: list[tuple[int, int]]) -> None:
    counter = Counter("risk", EPOCH)
    taken = [
        entry for entry, verdict in zip(log, judged(counter, log), strict=True) if verdict is Verdict.TAKE
    ]
    assert taken == [(EPOCH, number) for number in range(1, counter.next_index)]
    waiting = [epoch == EPOCH and index > counter.next_index for epoch, index in log]
    if not any(waiting):
        assert counter.missing_since is None


@given(LOG, st.integers(0, 40))
def test_a_reader_that_goes_on_from_a_cursor_takes_what_one_that_never_stopped_takes(
    log: list[tuple[int, int]], place: int
) -> None:
    whole = Counter("risk", EPOCH)
    verdicts = judged(whole, log)
    stopped = Counter("risk", EPOCH)
    judged(stopped, log[:place])
    resumed = Counter("risk", stopped.epoch, stopped.next_index)  # what a cursor holds
    rest = judged(resumed, log[place:], first=place)
    assert [each is Verdict.TAKE for each in rest] == [each is Verdict.TAKE for each in verdicts[place:]]
    assert resumed == whole


@given(st.integers(1, 12), st.lists(st.lists(st.booleans(), min_size=12, max_size=12), max_size=6))
def test_a_producer_that_goes_back_to_the_first_unconfirmed_is_read_once_and_whole(
    outputs: int, attempts: list[list[bool]]
) -> None:
    log: list[int] = []
    confirmed = 0
    for stored in [*attempts, [True] * 12]:
        for number, kept in zip(range(confirmed + 1, outputs + 1), stored, strict=False):
            if kept:
                log.append(number)
        # Confirmed is what is stored above its predecessor: 1, 2, 4, 5 confirms 2.
        place = -1
        confirmed = 0
        while (confirmed + 1) in log[place + 1 :]:
            confirmed += 1
            place = log.index(confirmed, place + 1)
    counter = Counter("risk", EPOCH)
    verdicts = judged(counter, [(EPOCH, number) for number in log])
    taken = [number for number, verdict in zip(log, verdicts, strict=True) if verdict is Verdict.TAKE]
    assert taken == list(range(1, outputs + 1))


def test_a_genesis_ends_every_epoch_before_it() -> None:
    counter = Counter("risk", 3, next_index=7, missing_since=55)
    counter.session(60, genesis())
    assert (counter.epoch, counter.next_index, counter.missing_since) == (60, 1, None)


def test_the_end_of_a_session_moves_nothing() -> None:
    counter = Counter("risk", 3, next_index=7)
    counter.session(60, genesis("end"))
    assert counter == Counter("risk", 3, next_index=7)


def test_a_claim_that_names_the_present_epoch_becomes_the_next() -> None:
    counter = Counter("ingest", EPOCH, next_index=7, missing_since=12)
    assert counter.claim(20, claim(succeeds=EPOCH))
    assert (counter.epoch, counter.next_index, counter.missing_since) == (20, 1, None)
    assert judged(counter, [(EPOCH, 7), (20, 1)], first=20) == [Verdict.IGNORE, Verdict.TAKE]


@pytest.mark.parametrize(
    "late", [claim(succeeds=9), claim(succeeds=0), claim(succeeds=11), claim(EPOCH, "gateway")]
)
def test_a_claim_with_a_wrong_predecessor_or_of_another_producer_is_ignored(late: Claim) -> None:
    counter = Counter("ingest", EPOCH, next_index=7)
    before = replace(counter)
    assert not counter.claim(20, late)
    assert counter == before


def test_of_two_claims_on_one_epoch_every_reader_honours_the_first() -> None:
    counter = Counter("ingest", EPOCH)
    assert counter.claim(20, claim(succeeds=EPOCH))
    assert not counter.claim(21, claim(succeeds=EPOCH))
    assert counter.claim(22, claim(succeeds=20))
    assert counter.epoch == 22
