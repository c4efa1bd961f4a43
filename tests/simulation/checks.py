"""What must hold after every session, judged by a reading of the log that owes nothing to the product's."""

from collections.abc import Sequence
from itertools import pairwise

from penstock_contracts import codec, frames, headers, subjects
from penstock_contracts.base import Message, type_of
from penstock_contracts.control import Claim
from penstock_contracts.market import Mark, TradeBatch
from penstock_kernel.chain import Chain
from penstock_kernel.topology import PLACES, STAGES

from simulation.scenarios import Scenario
from simulation.server import Stored
from simulation.world import Violation, World

Output = tuple[str, bytes]
"""Subject and content."""


def read(log: Sequence[Stored], genesis: int) -> tuple[dict[str, list[Output]], dict[str, int]]:
    """What counts, and the epochs that hold at the end.

    Of each producer's current epoch the number after the last counts, and nothing else.
    """
    epoch = dict.fromkeys(PLACES, genesis)
    count = dict.fromkeys(PLACES, 0)
    result: dict[str, list[Output]] = {producer: [] for producer in PLACES}
    for stored in log[genesis:]:
        if ".ctl." in stored.subject:
            claim = _claim(stored)
            if claim is not None and claim.succeeds == epoch[claim.producer]:
                epoch[claim.producer], count[claim.producer] = stored.sequence, 0
            continue
        for subject, block, data in _opened(stored):
            origin = headers.origin_in(block)
            assert origin is not None
            if (origin.epoch, origin.index) == (epoch[origin.producer], count[origin.producer] + 1):
                count[origin.producer] += 1
                result[origin.producer].append((subject, data))
    return result, epoch


def _opened(stored: Stored) -> list[frames.Part]:
    if frames.is_frame(stored.block):
        return frames.unpack(stored.data, frames.count_in(stored.block))
    return [(stored.subject, stored.block, stored.data)]


def _claim(stored: Stored) -> Claim | None:
    message = _decoded((stored.subject, stored.data)) if ".claim." in stored.subject else None
    return message if isinstance(message, Claim) else None


def _decoded(output: Output) -> Message:
    subject = subjects.parse(output[0])
    assert subject is not None
    return codec.decode(subject.family, subject.kind, subject.major, output[1])


def _encoded(producer: str, message: Message) -> Output:
    kind = type_of(message, PLACES[producer].family)
    subject = subjects.subject(0, kind.family, kind.major, kind.kind, subjects.key_of(message))
    return subject, codec.encode(message)


def reference(market: Sequence[Message], scenario: Scenario) -> dict[str, list[Output]]:
    """What the stages put out when they are called one after another.

    With an empty interval after the last: its beginning is where they take the last one's outputs.
    """
    chain = Chain(scenario.stages())
    end = market[-1]
    assert isinstance(end, Mark), "the market data ends with a mark"
    result: dict[str, list[Output]] = {producer: [] for producer in STAGES}
    for message in (*market, Mark(ts=end.ts + scenario.grid, start=end.ts)):
        for producer, outputs in chain.feed(message).items():
            result[producer] += [_encoded(producer, each) for each in outputs]
    return result


def check(world: World) -> dict[str, list[Output]]:
    """Compare a settled session with what it should have been. Returns what counts. Raises Violation."""
    found, epochs = read(world.server.log, world.genesis)
    market = [_decoded(each) for each in found["ingest"]]
    _check_market(market, world)
    wanted = reference(market, world.scenario)
    marks = sum(isinstance(each, Mark) for each in market)
    for producer in STAGES:
        _same(producer, found[producer], wanted[producer][: len(found[producer])])
        done = sum(".done." in subject for subject, _ in found[producer])
        if done != marks:
            raise Violation(f"{producer} ended {done} intervals of {marks}")
    for producer, number, message in world.made:
        if _encoded(producer, message) != wanted[producer][number - 1]:
            raise Violation(f"a copy of {producer} made another output {number}: {message!r:.300}")
    stale = [each.name for each in world.ingests if each.service._writer.epoch != epochs["ingest"]]
    if stale:
        raise Violation(f"{', '.join(stale)} writes on although another has claimed")
    states: dict[str, str] = {}
    for kind, state in world.states():
        if states.setdefault(kind, state) != state:
            raise Violation(f"two copies of {kind} end in two states")
    return found


def _same(producer: str, found: Sequence[Output], wanted: Sequence[Output]) -> None:
    if found == wanted:
        return
    at = next((n for n, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), len(wanted))
    raise Violation(
        f"{producer} differs at {at + 1}: {found[at : at + 1]!r:.300}, not {wanted[at : at + 1]!r:.300}"
    )


def _check_market(market: Sequence[Message], world: World) -> None:
    """Every row of the source once and in order, marks that go forward, every command once."""
    rows = [int(ts) for each in market if isinstance(each, TradeBatch) for ts in each.ts_init]
    marks = [each for each in market if isinstance(each, Mark)]
    listed = [command.command_id for mark in marks for command in mark.commands]
    stopped = any(command.verb == "stop" for mark in marks for command in mark.commands)
    source = world.scenario.table.ts.tolist()
    if rows != (source[: len(rows)] if stopped else source):
        raise Violation(f"{len(rows)} rows of market data are not the source's {len(source)}")
    if any(after.ts <= before.ts for before, after in pairwise(marks)):
        raise Violation("marks do not go forward")
    if len(set(listed)) != len(listed):
        raise Violation(f"a command counts twice: {listed}")
