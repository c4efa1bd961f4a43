"""A session that replays, and every way in which a record can be another than what the stages make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock_contracts.base import Family
from penstock_contracts.features import Prices
from penstock_contracts.interval import Done
from penstock_contracts.orders import CancelRequested
from penstock_contracts.signals import Signal
from penstock_contracts.venue import Fill, OrderAccepted
from penstock_kernel.fills_hash import fills_hash
from penstock_kernel.stage import Stage
from penstock_kernel.topology import PLACES, STAGES
from penstock_research.chained import Stages
from penstock_research.tapes import Recorded
from penstock_research.verify import (
    Counts,
    Divergence,
    Verified,
    verify_session,
    verify_stage,
)
from support.cli import resolved, write_bars
from support.toy import ToyStage
from support.verify import Record, real_record, toy_record

OUTPUTS: tuple[Family, ...] = ("feat", "sig", "ord", "ven")
PRODUCER = {PLACES[each].family: each for each in STAGES}
TOY = toy_record(30)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Record:
    bars = write_bars(tmp_path_factory.mktemp("bars") / "btc-perp-1m.csv", 240)
    return real_record(resolved(f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]'))


def diverges(outcome: Divergence | Verified | Counts) -> Divergence:
    assert isinstance(outcome, Divergence), outcome
    return outcome


def test_a_session_of_toys_replays_and_is_counted() -> None:
    outcome = TOY.verify()
    assert isinstance(outcome, Verified), outcome
    assert {each.producer: each.outputs for each in outcome.counts} == {
        each: len(TOY.families[PLACES[each].family]) for each in STAGES
    }
    assert [each.intervals for each in outcome.counts] == [30] * 4
    assert outcome.last_mark == TOY.families["md"][-1].message.ts


def test_a_real_session_replays_with_the_hash_of_its_fills(real: Record) -> None:
    outcome = real.verify()
    assert isinstance(outcome, Verified), outcome
    fills = [each.message for each in real.families["ven"] if each.kind == "fill"]
    assert outcome.fills == len(fills) > 10
    assert outcome.fills_hash == fills_hash(fills)
    assert all(each.beyond == 0 for each in outcome.counts)


def _but_execution(record: Record) -> dict[str, Stage]:
    stages = record.stages()
    del stages["execution"]
    return stages


def test_what_a_live_venue_said_is_input_and_is_not_computed_again(real: Record) -> None:
    outcome = real.verify(stages=lambda: _but_execution(real))
    assert isinstance(outcome, Verified), outcome
    fills = [each.message for each in real.families["ven"] if each.kind == "fill"]
    assert (outcome.fills, outcome.fills_hash) == (len(fills), fills_hash(fills))
    assert [each.producer for each in outcome.counts] == ["features", "strategy", "risk"]


def test_of_a_live_venue_nothing_may_be_missing_before_the_end(real: Record) -> None:
    at_end = real.copy()
    del at_end.families["ven"][-1]
    cut = verify_session(_but_execution(real), at_end.families, ended=real.ended)
    assert diverges(cut).producer == "execution"


def test_a_fill_that_a_live_venue_did_not_give_changes_what_risk_says(real: Record) -> None:
    place = next(number for number, each in enumerate(real.families["ven"]) if each.kind == "fill")
    fill = real.families["ven"][place].message
    assert isinstance(fill, Fill)
    other = real.altered("ven", place, replace(fill, price=fill.price + 1))
    assert diverges(other.verify(stages=lambda: _but_execution(real))).producer == "risk"


ALTERED = {
    "feat": (Prices, lambda each: replace(each, last=each.last + 1), "last[0]"),
    "sig": (Signal, lambda each: replace(each, confidence=0.25), "confidence"),
    "ord": (CancelRequested, lambda each: replace(each, reason="tampered"), "reason"),
    "ven": (OrderAccepted, lambda each: replace(each, ts=each.ts + 1), "ts"),
}


@pytest.mark.parametrize("family", OUTPUTS)
def test_one_altered_output_is_found_with_its_place_its_cause_and_its_field(family: Family) -> None:
    kind, alter, field = ALTERED[family]
    position = next(
        at for at, each in enumerate(TOY.families[family]) if type(each.message) is kind and at > 20
    )
    was = TOY.families[family][position].message
    found = diverges(TOY.altered(family, position, alter(was)).verify())
    assert found.producer == PRODUCER[family]
    assert found.number == position + 1
    assert [each.field for each in found.fields] == [field]
    assert found.recorded is not None
    assert found.recorded.index == position + 1
    place = PLACES[found.producer]
    assert found.cause is not None
    assert found.cause.family in (place.upstream, *place.others)
    ends = [each.message.ts for each in TOY.families[family] if type(each.message) is Done]
    assert found.after_mark == max((each for each in ends if each < was_mark(family, position)), default=0)


def was_mark(family: Family, position: int) -> int:
    return next(
        int(each.message.ts) for each in TOY.families[family][position:] if type(each.message) is Done
    )


@pytest.mark.parametrize("family", OUTPUTS)
def test_an_altered_done_is_found_in_the_stage_that_said_it(family: Family) -> None:
    position = max(
        at for at, each in enumerate(TOY.families[family]) if type(each.message) is Done and at < 60
    )
    was = TOY.families[family][position].message
    found = diverges(TOY.altered(family, position, replace(was, next_due=was.ts + 1)).verify())
    assert (found.producer, found.number) == (PRODUCER[family], position + 1)
    assert [each.field for each in found.fields] == ["next_due"]


def test_altered_market_data_are_found_at_what_first_follows_from_them() -> None:
    position = next(at for at, each in enumerate(TOY.families["md"]) if each.kind == "trade" and at > 20)
    was = TOY.families["md"][position].message
    found = diverges(TOY.altered("md", position, replace(was, price=was.price + 1)).verify())
    assert found.producer == "features"


def test_a_real_fill_at_another_price_or_fee_is_found(real: Record) -> None:
    positions = [at for at, each in enumerate(real.families["ven"]) if each.kind == "fill"]
    fill = real.families["ven"][positions[4]].message
    assert isinstance(fill, Fill)
    for change in ({"price": fill.price + Decimal("0.01")}, {"fee": fill.fee * 2}, {"ts": fill.ts + 1}):
        found = diverges(real.altered("ven", positions[4], replace(fill, **change)).verify())
        assert (found.producer, found.number) == ("execution", positions[4] + 1)
        assert [each.field for each in found.fields] == list(change)


def test_the_same_content_in_other_bytes_is_not_the_same_output() -> None:
    record = TOY.copy()
    was = record.families["sig"][5]
    record.families["sig"][5] = Recorded(was.sequence, was.index, was.subject, was.data + b" ")
    found = diverges(record.verify())
    assert (found.producer, found.number, found.fields) == ("strategy", 6, ())
    assert "other bytes" in found.why


@pytest.mark.parametrize("family", OUTPUTS)
def test_a_lost_output_in_the_middle_is_found(family: Family) -> None:
    record = TOY.copy()
    del record.families[family][40]
    assert diverges(record.verify(ended=False)).producer == PRODUCER[family]


@pytest.mark.parametrize("family", OUTPUTS)
def test_an_output_too_many_at_the_end_is_found(family: Family) -> None:
    record = TOY.copy()
    last = record.families[family][-2]
    record.families[family].append(Recorded(10_000, last.index + 2, last.subject, last.data))
    found = diverges(record.verify(ended=False))
    assert found.producer == PRODUCER[family]
    assert found.computed is None or found.fields  # strategy goes on to say something else
    assert found.recorded is not None
    assert found.recorded.sequence == 10_000


@pytest.mark.parametrize("family", ["md", *OUTPUTS])
def test_an_ended_session_without_its_tail_is_cut_off(family: Family) -> None:
    whole = TOY.ended
    record = TOY.cut(family, len(TOY.families[family]) - 1)
    found = diverges(verify_session(record.stages(), record.families, ended=whole))
    assert "counts" in found.why or "nothing recorded brings about" in found.why


@given(st.data())
def test_a_session_may_be_cut_anywhere_while_it_is_open(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, sum(len(each) for each in TOY.families.values())))
    record = TOY.copy()
    for family, messages in record.families.items():
        record.families[family] = [each for each in messages if each.sequence <= cut]
    outcome = record.verify(ended=False)
    assert isinstance(outcome, Verified), outcome
    assert [each.outputs for each in outcome.counts] == [len(record.families[each]) for each in OUTPUTS]


@given(st.data())
def test_in_one_process_a_later_stages_output_may_be_stored_without_an_earlier_ones(
    data: st.DataObject,
) -> None:
    record = TOY.copy()
    for family in OUTPUTS:
        keep = data.draw(st.integers(0, len(record.families[family])), label=family)
        del record.families[family][keep:]
    outcome = record.verify(ended=False)
    assert isinstance(outcome, Verified), outcome


def test_other_stages_than_those_that_ran_are_found() -> None:
    def others() -> dict[str, ToyStage]:
        return {each: ToyStage(each) for each in STAGES} | {"risk": ToyStage("strategy")}

    assert diverges(TOY.verify(stages=others)).producer == "risk"  # type: ignore[arg-type]


def test_a_changed_setting_is_found_where_it_first_matters(real: Record, tmp_path: Path) -> None:
    bars = write_bars(tmp_path / "btc-perp-1m.csv", 240)
    changed = resolved(
        f"replay:{bars}", 'run.strategies=["ma_cross:fast=3,slow=9"]', "execution.paper.slippage_bps=3"
    )
    found = diverges(real.verify(stages=lambda: Stages.of(changed.document).by_name()))
    assert found.producer == "execution"
    assert "price" in [each.field for each in found.fields]


def test_an_unreadable_order_stops_the_replay_an_unreadable_signal_is_passed_over() -> None:
    for family, stops in (("sig", "strategy"), ("ord", "risk")):
        record = TOY.copy()
        at = next(at for at, each in enumerate(record.families[family]) if each.kind != "done")  # type: ignore[index]
        was = record.families[family][at]  # type: ignore[index]
        record.families[family][at] = Recorded(was.sequence, was.index, was.subject, b"{")  # type: ignore[index]
        found = diverges(record.verify())
        assert found.producer == stops
        assert "cannot be read" in found.why
    record = TOY.copy()
    at = next(at for at, each in enumerate(record.families["md"]) if each.kind == "trade")
    was = record.families["md"][at]
    record.families["md"][at] = Recorded(was.sequence, was.index, was.subject, b"{")
    inputs = {"md": record.families["md"]}
    counted = verify_stage("features", ToyStage("features"), inputs, [])  # type: ignore[arg-type]
    assert isinstance(counted, Counts)
    assert counted.passed_over == 1


def test_a_stage_that_raises_under_its_recorded_input_is_told_with_the_place() -> None:
    class Broken(ToyStage):
        def snapshot(self) -> bytes:
            raise AssertionError

        def end_interval(self, end: object) -> list[object]:  # type: ignore[override]
            raise ZeroDivisionError("by nothing")

    stages = lambda: {each: (Broken if each == "risk" else ToyStage)(each) for each in STAGES}  # noqa: E731
    found = diverges(TOY.verify(stages=stages))  # type: ignore[arg-type]
    assert found.producer == "risk"
    assert "ZeroDivisionError: by nothing" in found.why
    assert "test_verify.py" in found.why


@pytest.mark.parametrize("producer", STAGES)
def test_one_stage_alone_replays_over_its_input(producer: str) -> None:
    place = PLACES[producer]
    assert place.upstream is not None
    inputs = {family: TOY.families[family] for family in (*place.others, place.upstream)}
    record = TOY.families[place.family]
    counted = verify_stage(producer, ToyStage(producer), inputs, record, expected=TOY.ended[producer])
    assert isinstance(counted, Counts), counted
    assert counted.outputs == len(record)
    assert (
        "cut off"
        in diverges(
            verify_stage(
                producer,
                ToyStage(producer),
                inputs,
                record[: TOY.ended[producer] - 3],
                expected=TOY.ended[producer],
            )
        ).why
    )


def test_the_record_is_read_no_further_than_an_interval_ahead() -> None:
    """Memory stays bounded: no family is drawn from faster than the slowest stage goes."""
    marks = dict.fromkeys(TOY.families, 0)
    spread: list[int] = []

    def watched(family: Family) -> Iterator[Recorded]:
        for each in TOY.families[family]:
            if each.kind in ("done", "mark"):
                marks[family] += 1
                spread.append(max(marks.values()) - min(marks.values()))
            yield each

    outcome = verify_session(TOY.stages(), {family: watched(family) for family in TOY.families})
    assert isinstance(outcome, Verified)
    assert max(spread) == 1


def test_columns_are_compared_bit_by_bit() -> None:
    position = next(at for at, each in enumerate(TOY.families["feat"]) if type(each.message) is Prices)
    was = TOY.families["feat"][position].message
    other = replace(was, ts=np.array([int(was.ts[0]) ^ 1 << 40], dtype=np.int64))
    found = diverges(TOY.altered("feat", position, other).verify())
    assert [each.field for each in found.fields] == ["ts[0]"]


@pytest.mark.parametrize("more", [-1, 1])
@pytest.mark.parametrize("producer", PLACES)
def test_an_end_that_counts_other_outputs_than_there_are_is_found(producer: str, more: int) -> None:
    counted = TOY.ended
    counted[producer] += more
    found = diverges(verify_session(TOY.stages(), TOY.families, ended=counted))
    assert found.producer == producer
    assert f"counts {counted[producer]} " in found.why
    del counted[producer]
    assert diverges(verify_session(TOY.stages(), TOY.families, ended=counted)).producer == producer
