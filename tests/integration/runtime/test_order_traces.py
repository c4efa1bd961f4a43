"""An order's trace is a function of the log: kills, repeats and topology change nothing in it."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from penstock_recorder.tracer import Tracer
from penstock_runtime.log import Log
from penstock_runtime.tracing.reading import order_spans
from penstock_runtime.tracing.spans import Span
from support.traces import Market, Traded, Tree, key, stored

SPANS = ["ingest.bar", "features.bar", "strategy.signal", "risk.approve", "execution.submit", "venue.fill"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    return Market.of(tmp_path_factory.mktemp("market"))


async def traded(
    market: Market, nats_url: str, folder: Path, *, fused: bool = False, kills: bool = False, repeats: int = 0
) -> Tree:
    log = await Log.connect(nats_url, name="test")
    session = Traded(market, log, market.settings(nats_url, folder), fused=fused)
    await session.run(kills=kills, repeats=repeats)
    trees = await session.trees()
    for stream in await log.js.streams_info():
        await log.js.delete_stream(stream.config.name or "")
    await log.close()
    return trees


def below_the_signal(tree: Tree) -> Tree:
    """Fused stages all read the tick itself: what lies between it and the signal differs."""
    result: Tree = {}
    for order, spans in tree.items():
        signalled = any(each[3] == "strategy.signal" for each in spans)
        kept = [each for each in spans if each[3].partition(".")[0] in {"risk", "execution", "venue"}]
        result[order] = sorted(
            (trace, span, parent if signalled or name != "risk.approve" else "", name)
            for trace, span, parent, name in kept
        )
    return result


async def test_kills_repeats_and_fused_stages_leave_the_traces_as_they_are(
    market: Market, nats_url: str, tmp_path: Path
) -> None:
    plain = await traded(market, nats_url, tmp_path)
    assert len(plain) > 4
    assert all(spans for spans in plain.values())
    assert await traded(market, nats_url, tmp_path, kills=True) == plain
    assert await traded(market, nats_url, tmp_path, repeats=12) == plain
    fused = await traded(market, nats_url, tmp_path, fused=True, kills=True)
    assert below_the_signal(fused) == below_the_signal(plain)


async def test_an_order_is_one_trace_from_the_tick_to_the_fill_in_order_of_time(
    market: Market, nats_url: str, tmp_path: Path
) -> None:
    log = await Log.connect(nats_url, name="test")
    await Traded(market, log, market.settings(nats_url, tmp_path), fused=False).run()
    approvals = [each for each in await stored(log, ("ord",)) if each.kind == "approved"]
    order = next(each.decode() for each in approvals if each.decode().reason == "signal")
    spans = await order_spans(log, order.order_id)
    assert len({each.trace_id for each in spans}) == 1
    by_id = {each.span_id: each for each in spans}
    assert len(by_id) == len(spans)
    fill = next(each for each in spans if each.name == "venue.fill")
    path = [fill]
    while path[-1].parent_id:
        path.append(by_id[path[-1].parent_id])
    path.reverse()
    assert [each.name.replace("ingest.tick", "ingest.bar") for each in path] == SPANS
    assert all(each.start_ns <= each.end_ns for each in spans)
    ends = [each.end_ns for each in path]
    assert ends == sorted(ends)
    position = next(each for each in spans if each.name == "risk.position")
    assert position.parent_id == fill.span_id
    assert fill.links, "the tick that filled it is linked"
    assert fill.links[0][0] != fill.trace_id
    assert fill.attributes["penstock.order_id"] == order.order_id
    assert await order_spans(log, "o-unknown") == []
    await log.close()


class Kept:
    """Keeps what is exported."""

    dropped = 0

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @property
    def emitted(self) -> int:
        return len(self.spans)

    def emit(self, spans: Iterable[Span]) -> None:
        self.spans += spans

    def close(self) -> None:
        """Nothing waits."""


async def test_a_restarted_recorder_loses_no_span_and_makes_no_other(
    market: Market, nats_url: str, tmp_path: Path
) -> None:
    log = await Log.connect(nats_url, name="test")
    session = Traded(market, log, market.settings(nats_url, tmp_path), fused=False)
    await session.run()
    messages = await stored(log, ("sig", "ord", "ven"))
    expected = {each for spans in (await session.trees()).values() for each in spans}

    whole, cut = Kept(), Kept()
    tracer = Tracer(whole)
    for delivered in messages:
        tracer.take(delivered, delivered.decode())
        tracer.committed(tracer.drain(), 1)
    assert {key(each) for each in whole.spans if each.service != "recorder"} == expected
    ids = [each.span_id for each in whole.spans]
    assert len(ids) == len(set(ids)), "each span leaves once"

    approved = [at for at, each in enumerate(messages) if each.kind == "approved"]
    for died_at in (approved[0], approved[0] + 1, approved[2], approved[3] + 2):
        cut.spans.clear()
        first = Tracer(cut)
        for delivered in messages[:died_at]:
            first.take(delivered, delivered.decode())
        # What it had not handed on when it died is lost with it.
        second = Tracer(cut)
        await second.begin(log, messages[died_at - 1].sequence)
        for delivered in messages[died_at:]:
            second.take(delivered, delivered.decode())
        second.committed(second.drain(), 1)
        assert {key(each) for each in cut.spans if each.service != "recorder"} == expected
    await log.close()
