"""Stages that read one another over a log say the same as stages that run one after another."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_contracts.base import Family, Message
from penstock_contracts.batch import part_of
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark, TradeBatch
from penstock_contracts.types import NEVER
from penstock_kernel.chain import Chain
from penstock_kernel.interval import IntervalRunner
from penstock_kernel.stage import StageStatus
from penstock_kernel.topology import PLACES, PRODUCER_OF, STAGES
from support.intervals import FLOW, Interval, Reader, RowStage, reference, stages, told
from support.messages import command
from support.toy import GRID, ToyStage, trades

INTERVALS = st.lists(st.lists(st.integers(1, 5), max_size=3), min_size=1, max_size=8)
"""For each interval, the rows of its batches."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["step", "step", "release", "save", "crash"]),
        st.sampled_from(STAGES),
        st.integers(1, 9),
    ),
    max_size=60,
)


def market(shape: list[list[int]]) -> list[Interval]:
    """Intervals of these batches; a command in every third mark, data over in the last."""
    intervals: list[Interval] = []
    for k, sizes in enumerate(shape):
        start = 1_000 + k * GRID
        commands = (command(command_id=f"c-{k}"),) if k % 3 == 2 else ()
        mark = Mark(ts=start + GRID, start=start, ended=k == len(shape) - 1, commands=commands)
        intervals.append(([trades(start + 1 + 20 * j, rows) for j, rows in enumerate(sizes)], mark))
    return intervals


def cut(batches: list[Message], data: st.DataObject) -> list[Message]:
    """The same rows in other batches."""
    parts: list[Message] = []
    for batch in batches:
        assert isinstance(batch, TradeBatch)
        rows = len(batch.ts_init)
        bounds = sorted({0, rows, *data.draw(st.sets(st.integers(0, rows), max_size=rows))})
        parts += [part_of(batch, first, last) for first, last in pairwise(bounds)]
    return parts


def chained(intervals: list[Interval]) -> dict[Family, list[Message]]:
    """What the chain puts out."""
    chain = Chain(stages())
    log: dict[Family, list[Message]] = {family: [] for family, _, _ in FLOW.values()}
    for batches, mark in intervals:
        for producer, outputs in chain.interval(batches, mark).items():
            log[PLACES[producer].family] += outputs
    return log


def test_the_topology_is_that_of_the_design() -> None:
    assert {
        name: (place.family, place.others, place.upstream) for name, place in PLACES.items() if name in FLOW
    } == FLOW
    assert tuple(FLOW) == STAGES
    assert PRODUCER_OF["md"] == "ingest"
    with pytest.raises(ValueError, match="ingest has no upstream"):
        IntervalRunner("ingest", ToyStage("ingest"))


@given(INTERVALS)
def test_the_chain_says_what_the_rule_says(shape: list[list[int]]) -> None:
    assert told(chained(market(shape))) == told(reference(stages(), market(shape)))


@settings(max_examples=200)
@given(INTERVALS, STEPS, st.data())
def test_any_interleaving_cut_and_restart_gives_what_the_rule_gives(
    shape: list[list[int]], steps: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    intervals = market(shape)
    expected = told(reference(stages(), intervals))
    coming = [message for batches, mark in intervals for message in [*cut(list(batches), data), mark]][::-1]
    log: dict[Family, list[Message]] = {"md": [], **{family: [] for family, _, _ in FLOW.values()}}
    readers = {producer: Reader(producer, log) for producer in STAGES}
    for action, producer, count in steps:
        reader = readers[producer]
        if action == "release":
            log["md"] += [coming.pop() for _ in range(min(count, len(coming)))]
        elif action == "save":
            reader.save()
        elif action == "crash":
            reader.crash()
        else:
            for _ in range(count):
                reader.step()
    log["md"] += coming[::-1]
    while any([reader.step() for reader in readers.values()]):  # noqa: C419  (each of them, not the first)
        pass
    # The reactions to what others did in the last interval open the next one.
    complete = {family: log[family][: len(expected[family])] for family in expected}
    assert told(complete) == expected
    for family, _, _ in FLOW.values():
        assert not any(isinstance(each, Done) for each in log[family][len(expected[family]) :])
    assert {reader.runner.last_mark for reader in readers.values()} == {intervals[-1][1].ts}


@given(INTERVALS, INTERVALS)
def test_a_chain_goes_on_after_a_snapshot_as_if_nothing_had_been(
    first: list[list[int]], second: list[list[int]]
) -> None:
    intervals = market(first + second)
    whole = Chain(stages())
    outputs = [whole.interval(*interval) for interval in intervals]

    before = Chain(stages())
    for interval in intervals[: len(first)]:
        before.interval(*interval)
    assert before.between_intervals()
    after = Chain(stages())
    for producer, runner in after.runners.items():
        runner.stage.restore(before.runners[producer].stage.snapshot())
        runner.resume(*before.runners[producer].position())
    after.resume(before.previous())
    again = [after.interval(*interval) for interval in intervals[len(first) :]]
    for one, other in zip(outputs[len(first) :], again, strict=True):
        assert told({PLACES[name].family: made for name, made in one.items()}) == told(
            {PLACES[name].family: made for name, made in other.items()}
        )


def test_fed_message_by_message_a_chain_puts_out_the_same_in_the_order_of_each_producer() -> None:
    intervals = market([[2, 1], [], [3], [1, 1, 1], [4]])
    chain = Chain(stages())
    log: dict[Family, list[Message]] = {family: [] for family, _, _ in FLOW.values()}
    for batches, mark in intervals:
        for message in [*batches, mark]:
            for producer, outputs in chain.feed(message).items():
                log[PLACES[producer].family] += outputs
            assert chain.between_intervals() == (message is mark)
    assert told(log) == told(chained(intervals))


class Recorder(ToyStage):
    """Remembers what it was given."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.seen: list[Message] = []

    def process(self, message: Message) -> list[Message]:
        self.seen.append(message)
        return []

    def end_interval(self, end: object) -> list[Message]:
        self.seen.append(end)
        return []

    def status(self) -> StageStatus:
        return StageStatus(next_due=77, flat=True, stop="drawdown")


def test_the_first_interval_takes_upstream_only_and_the_next_the_others_before_it() -> None:
    runner = IntervalRunner("strategy", Recorder("strategy"))
    assert runner.wants == "feat"
    runner.feed(Done(ts=100, start=0))
    order = []
    for family in ("ven", "ord", "feat"):
        order.append(runner.wants)
        assert runner.feed(trades(101, 1)) == []
        assert runner.wants == family
        runner.feed(Done(ts=100 if family != "feat" else 200, start=0))
    assert order == ["ven", "ord", "feat"]
    assert runner.wants == "ven"


def test_a_done_of_an_earlier_interval_does_not_end_the_reading_of_another_family() -> None:
    runner = IntervalRunner("execution", Recorder("execution"))
    runner.feed(Mark(ts=100, start=0))
    runner.feed(Done(ts=100, start=0))
    runner.feed(Mark(ts=200, start=100))
    runner.feed(Done(ts=100, start=0))
    assert runner.wants == "ord"
    runner.feed(Done(ts=200, start=100))
    assert runner.wants == "md"


def test_a_done_passes_on_the_mark_and_says_what_the_stage_says() -> None:
    mark = Mark(ts=200, start=100, ended=True, commands=(command(),))
    (done,) = IntervalRunner("features", Recorder("features")).feed(mark)
    assert done == Done(
        ts=200,
        start=100,
        ended=True,
        commands=(command(),),
        next_due=77,
        quiet=True,
        flat=True,
        stop="drawdown",
    )
    assert StageStatus() == StageStatus(next_due=NEVER, flat=False, stop="")


def test_an_interval_is_quiet_when_nothing_but_prices_was_put_out() -> None:
    stage = ToyStage("features")  # gives a price at each mark, and nothing else without data
    (prices, done) = IntervalRunner("features", stage).feed(Mark(ts=100, start=0))
    assert (type(prices).__name__, done.quiet) == ("Prices", True)
    speaking = IntervalRunner("features", RowStage("features"))
    spoken = speaking.feed(trades(1, 30))
    assert spoken
    assert speaking.feed(Mark(ts=100, start=0))[-1].quiet is False
    assert speaking.feed(Mark(ts=200, start=100))[-1].quiet is True


def test_a_stage_that_goes_on_in_the_middle_of_an_interval_remembers_that_it_spoke() -> None:
    spoken = IntervalRunner("features", RowStage("features"))
    assert spoken.feed(trades(1, 30))
    resumed = IntervalRunner("features", ToyStage("features"))
    resumed.resume(*spoken.position())
    assert resumed.feed(Mark(ts=100, start=0))[-1].quiet is False


def test_a_mark_that_does_not_go_forward_stops_the_stage() -> None:
    runner = IntervalRunner("features", Recorder("features"))
    runner.feed(Mark(ts=200, start=100))
    with pytest.raises(ValueError, match="features: an interval that ends at 200 after one at 200"):
        runner.feed(Mark(ts=200, start=100))
