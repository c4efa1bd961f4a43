"""Replay of a recorded session: each stage gets its recorded input again and must put out the same bytes.

Where the record of a family ends before its stage has said everything (a session that still runs, or was
cut off), what the stage computes beyond goes on to its readers: in one process a later stage's output may
have reached the log when an earlier one's had not. Nothing recorded may be left that nothing explains.

What a live venue said is no function of the log: there `ven` is input, like the market.
"""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from penstock_contracts import codec, subjects
from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.venue import Fill
from penstock_kernel.fills_hash import fills_hash
from penstock_kernel.interval import IntervalRunner
from penstock_kernel.stage import Stage
from penstock_kernel.topology import PLACES, STAGES

from penstock_research.differences import Difference, differences
from penstock_research.tapes import FAMILIES, Recorded, Tape, VenueTape, readers_of

PASSED_OVER: frozenset[Family] = frozenset({"md", "feat", "sig"})
"""Families whose unreadable messages a stage passes over; of any other, one stops the stage."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where the record is not what the stages make of it."""

    producer: str
    after_mark: int
    """Event time, ns, at which its interval begins."""
    number: int
    """Of the output, counted from the session's genesis."""
    why: str
    cause: Recorded | None = None
    """The input handed over last before it."""
    recorded: Recorded | None = None
    computed: Message | None = None
    fields: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What one stage took and put out, all of it as recorded."""

    producer: str
    intervals: int
    inputs: int
    outputs: int
    beyond: int
    """Outputs computed beyond the end of an open record."""
    passed_over: int
    """Unreadable inputs."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A session that replays."""

    counts: tuple[Counts, ...]
    fills: int
    fills_hash: str
    last_mark: int
    """End of the last interval that was closed; 0 if none was."""


class _Diverged(Exception):
    def __init__(self, divergence: Divergence) -> None:
        super().__init__(divergence.why)
        self.divergence = divergence


@dataclass(slots=True)
class _Check:
    """One stage over the tapes."""

    producer: str
    stage: Stage
    tapes: Mapping[Family, Tape]
    partition: int
    intervals: int = 0
    inputs: int = 0
    outputs: int = 0
    beyond: int = 0
    passed_over: int = 0
    said: int = 0
    """Outputs up to the last `done`."""
    fills: list[Fill] = field(default_factory=list)
    family: Family = field(init=False)
    runner: IntervalRunner = field(init=False)
    _cause: Recorded | None = None
    _after: int = 0

    def __post_init__(self) -> None:
        self.family = PLACES[self.producer].family
        self.runner = IntervalRunner(self.producer, self.stage)

    def interval(self) -> bool:
        """Run on to the end of the interval; False when the input ends before. Raises _Diverged."""
        self._after = self.runner.last_mark
        while self.runner.last_mark == self._after:
            given = self.tapes[self.runner.wants].take(self.producer)
            if given is None:
                return False
            self.inputs += 1
            self._cause = given
            for output in self._feed(given):
                self._compare(output)
        self.intervals += 1
        self.said = self.outputs + self.beyond
        return True

    def counts(self) -> Counts:
        """So far."""
        return Counts(self.producer, self.intervals, self.inputs, self.outputs, self.beyond, self.passed_over)

    def nothing_left(self) -> None:
        """Raises _Diverged when the record holds an output that no input explains."""
        left = self.tapes[self.family].take(self.producer)
        if left is not None:
            raise self._diverged("the log holds an output that nothing recorded brings about", recorded=left)

    def complete(self, expected: int | None) -> None:
        """Raises _Diverged unless the outputs up to the last `done` are as many as the end counts."""
        if expected is None:
            raise self._diverged("the session's end does not count the outputs of this stage")
        if self.outputs < expected:
            raise self._diverged(
                f"the session's end counts {expected} outputs, the log holds {self.outputs}: cut off"
            )
        if self.said != expected:
            # What a stage says of the last interval's other families, after its `done`, is not counted.
            raise self._diverged(f"the session's end counts {expected} outputs, its input brings {self.said}")

    def _feed(self, given: Recorded) -> list[Message]:
        try:
            message = given.message
        except UnreadableMessage as error:
            if given.family in PASSED_OVER:
                self.passed_over += 1
                return []
            raise self._diverged(f"an input that cannot be read: {error}") from error
        try:
            return self.runner.feed(message)
        except Exception as error:  # whatever a stage raises under its recorded input is the finding
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise self._diverged(
                f"the stage raises {type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            ) from error

    def _compare(self, output: Message) -> None:
        kind = type_of(output, self.family)
        key = subjects.key_of(output)
        subject = subjects.subject(self.partition, self.family, kind.major, kind.kind, key)
        data = codec.encode(output)
        recorded = self.tapes[self.family].take(self.producer)
        if recorded is None:
            self.beyond += 1
            beyond = Recorded(0, self.outputs + self.beyond, subject, data, output)
            self.tapes[self.family].go_on(beyond, self.producer)
            return
        if recorded.subject != subject or recorded.data != data:
            raise self._differs(recorded, output)
        self.outputs += 1
        if type(output) is Fill:
            self.fills.append(output)

    def _differs(self, recorded: Recorded, output: Message) -> _Diverged:
        try:
            fields = tuple(differences(recorded.message, output))
        except UnreadableMessage as error:
            return self._diverged(f"the recorded output cannot be read: {error}", recorded, output)
        why = "the recorded output is another than the one computed"
        if not fields:
            why = "the same content in other bytes or under another subject: another version wrote it"
        return self._diverged(why, recorded, output, fields)

    def _diverged(
        self,
        why: str,
        recorded: Recorded | None = None,
        computed: Message | None = None,
        fields: tuple[Difference, ...] = (),
    ) -> _Diverged:
        number = self.outputs + self.beyond + 1
        return _Diverged(
            Divergence(self.producer, self._after, number, why, self._cause, recorded, computed, fields)
        )


def verify_session(
    stages: Mapping[str, Stage],
    record: Mapping[Family, Iterable[Recorded]],
    *,
    ended: Mapping[str, int] | None = None,
    partition: int = 0,
) -> Divergence | Verified:
    """Replay all stages of a session interval by interval, in the order of their causes.

    `record` has what readers take of md, feat, sig, ord and ven, in log order; each is read once and no
    further than an interval ahead. `ended` is what the session's end message counts (the last number of
    each producer): then nothing may be missing. Without it the record may end anywhere. A producer that is
    not among `stages` (execution at a live venue) is not replayed: its record is input.
    """
    replayed = [each for each in STAGES if each in stages]
    tapes = {family: Tape(record[family], readers_of(family, replayed)) for family in FAMILIES}
    live = VenueTape(record["ven"]) if "execution" not in stages else None
    if live is not None:
        tapes["ven"] = live.tape
    checks = [_Check(each, stages[each], tapes, partition) for each in replayed]
    try:
        while any([check.interval() for check in checks]):  # noqa: C419  (each stage has its turn)
            pass
        for check in checks:
            check.nothing_left()
        if live is not None:
            live.to_the_end()
        if ended is not None:
            last_mark = checks[0].runner.last_mark
            _edge_complete("ingest", tapes["md"], ended, last_mark)
            if live is not None:
                _edge_complete("execution", live.tape, ended, last_mark)
            for check in checks:
                check.complete(ended.get(check.producer))
    except _Diverged as diverged:
        return diverged.divergence
    fills = live.fills if live is not None else checks[-1].fills
    return Verified(
        tuple(check.counts() for check in checks), len(fills), fills_hash(fills), checks[-1].runner.last_mark
    )


def verify_stage(
    producer: str,
    stage: Stage,
    inputs: Mapping[Family, Iterable[Recorded]],
    recorded: Iterable[Recorded],
    *,
    expected: int | None = None,
    partition: int = 0,
) -> Divergence | Counts:
    """Replay one stage over its recorded input. With `expected` the record must hold so many outputs.

    Without, it may end before the input does; a recorded output that the input does not explain diverges.
    """
    tapes = {family: Tape(inputs[family], [producer]) for family in inputs}
    tapes[PLACES[producer].family] = Tape(recorded, [producer])
    check = _Check(producer, stage, tapes, partition)
    try:
        while check.interval():
            pass
        check.nothing_left()
        if expected is not None:
            check.complete(expected)
    except _Diverged as diverged:
        return diverged.divergence
    return check.counts()


def _edge_complete(producer: str, tape: Tape, ended: Mapping[str, int], last_mark: int) -> None:
    """What a writer at the edge has put out up to the session's end must be in the log."""
    expected, last = ended.get(producer), tape.last_index
    # After its last `done` a live venue may still say something, which nobody counts.
    if expected is None or last < expected or (producer == "ingest" and last > expected):
        why = f"the session's end counts {expected} of {producer}'s last writer, the log holds {last}"
        raise _Diverged(Divergence(producer, last_mark, last + 1, why))
