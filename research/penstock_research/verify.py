"""Replay of a recorded session: each stage gets its recorded input again and must put out the same bytes.

Where the record of a family ends before its stage has said everything (a session that still runs, or was
cut off), what the stage computes beyond goes on to its readers: in one process a later stage's output may
have reached the log when an earlier one's had not. Nothing recorded may be left that nothing explains.
"""

import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
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

PASSED_OVER: frozenset[Family] = frozenset({"md", "feat", "sig"})
"""Families whose unreadable messages a stage passes over; of any other, one stops the stage."""


@dataclass(slots=True)
class Recorded:
    """One message as every reader of the log takes it."""

    sequence: int
    """In the log; 0 for one that was computed beyond the record's end."""
    index: int
    """Its producer's number."""
    subject: str
    data: bytes
    _message: Message | None = None

    @property
    def family(self) -> Family:
        """Its family, by its subject."""
        return self._parsed().family

    @property
    def kind(self) -> str:
        """Its kind, by its subject."""
        return self._parsed().kind

    @property
    def message(self) -> Message:
        """Decoded, once. UnreadableMessage when it cannot be."""
        if self._message is None:
            parsed = self._parsed()
            self._message = codec.decode(parsed.family, parsed.kind, parsed.major, self.data)
        return self._message

    def _parsed(self) -> subjects.Subject:
        parsed = subjects.parse(self.subject)
        if parsed is None:
            raise UnreadableMessage(f"not a subject of the log: {self.subject[:200]!r}")
        return parsed

    def __str__(self) -> str:
        place = f"at sequence {self.sequence}" if self.sequence else "beyond the record"
        return f"{self.family} {self.index} ({self.kind}, {place})"


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


class _Tape:
    """One family: its record, then what was computed beyond. Each of its readers has a place of its own."""

    def __init__(self, record: Iterable[Recorded], readers: Iterable[str]) -> None:
        self._record: Iterator[Recorded] = iter(record)
        self._queues: dict[str, deque[Recorded]] = {name: deque() for name in readers}
        self.last_index = 0

    def take(self, reader: str) -> Recorded | None:
        """The reader's next message; None when there is no more."""
        queue = self._queues[reader]
        if not queue:
            found = next(self._record, None)
            if found is None:
                return None
            self.last_index = found.index
            for each in self._queues.values():
                each.append(found)
        return queue.popleft()

    def go_on(self, computed: Recorded, producer: str) -> None:
        """Add what the family's producer said beyond the record."""
        for name, queue in self._queues.items():
            if name != producer:
                queue.append(computed)


@dataclass(slots=True)
class _Check:
    """One stage over the tapes."""

    producer: str
    stage: Stage
    tapes: Mapping[Family, _Tape]
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
    each producer): then nothing may be missing. Without it the record may end anywhere.
    """
    tapes = {family: _Tape(record[family], _readers_of(family)) for family in _FAMILIES}
    checks = [_Check(each, stages[each], tapes, partition) for each in STAGES]
    try:
        while any([check.interval() for check in checks]):  # noqa: C419  (each stage has its turn)
            pass
        for check in checks:
            check.nothing_left()
        if ended is not None:
            _market_complete(tapes["md"], ended.get("ingest"), checks[0].runner.last_mark)
            for check in checks:
                check.complete(ended.get(check.producer))
    except _Diverged as diverged:
        return diverged.divergence
    fills = checks[-1].fills
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
    tapes = {family: _Tape(inputs[family], [producer]) for family in inputs}
    tapes[PLACES[producer].family] = _Tape(recorded, [producer])
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


_FAMILIES: tuple[Family, ...] = ("md", *(PLACES[each].family for each in STAGES))


def _readers_of(family: Family) -> list[str]:
    return [
        each
        for each in STAGES
        if family in (PLACES[each].family, PLACES[each].upstream, *PLACES[each].others)
    ]


def _market_complete(tape: _Tape, expected: int | None, last_mark: int) -> None:
    if expected != tape.last_index:
        why = f"the session's end counts {expected} of ingest's last writer, the log holds {tape.last_index}"
        raise _Diverged(Divergence("ingest", last_mark, tape.last_index + 1, why))
