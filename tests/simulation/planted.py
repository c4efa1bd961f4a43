"""Faults planted in the product: a simulation that cannot fail is worth nothing.

Each breaks one rule for as long as a `pytest.MonkeyPatch` lasts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from penstock_contracts.base import Message
from penstock_contracts.headers import Origin, origin_in
from penstock_ingest.service import IngestService
from penstock_kernel.counting import Counter, Verdict
from penstock_runtime.core import StageCore
from penstock_runtime.errors import Superseded
from penstock_runtime.log import Cursor, Delivered, LogReader, NumberedWriter, Place, writer
from penstock_runtime.log.consumer import OrderedConsumer
from penstock_runtime.log.cursor import digest_of
from support.toy import ToyStage

MonkeyPatch = pytest.MonkeyPatch
Plant = Callable[[MonkeyPatch], None]


# --- What a restart takes over -----------------------------------------------------------------------


def numbers_not_restored(patch: MonkeyPatch) -> None:
    """The number of the next output is kept in memory and not restored."""
    begin = NumberedWriter.begin
    patch.setattr(
        NumberedWriter, "begin", lambda self, epoch, _made, confirmed: begin(self, epoch, 0, confirmed)
    )


def read_ahead_is_lost(patch: MonkeyPatch) -> None:
    """A cursor stands at the last message received, not at the last handed to the stage."""
    cursor = LogReader.cursor

    def ahead(self: LogReader) -> Cursor:
        true, queue = cursor(self), getattr(self._consumer, "queue", ())
        if not queue:
            return true
        places = dict(true.places)
        for _, _, block, _ in queue:
            origin = origin_in(block)
            place = places.get(origin.producer) if origin is not None else None
            if origin is not None and place == Place(origin.epoch, origin.index):
                places[origin.producer] = Place(place.epoch, origin.index + 1)
        return Cursor(queue[-1][0], digest_of(*queue[-1][1:]), places)

    patch.setattr(LogReader, "cursor", ahead)


def snapshot_before_confirmation(patch: MonkeyPatch) -> None:
    """A snapshot counts at once: its unconfirmed outputs are in nobody's hands after a restart."""
    patch.setattr(StageCore, "covers", lambda _self, _snapshot: True)


# --- What counts as stored ---------------------------------------------------------------------------


def no_going_back(patch: MonkeyPatch) -> None:
    """What was lost on the way is not sent again."""
    patch.setattr(writer, "GO_BACK_S", float("inf"))


def confirmed_by_a_later_number(patch: MonkeyPatch) -> None:
    """An output found in the log confirms those before it, which may have been lost."""
    _confirm(
        patch, lambda counter, origin: origin.epoch == counter.epoch and origin.index > counter.next_index
    )


def confirmed_by_an_older_epoch(patch: MonkeyPatch) -> None:
    """An output of another epoch confirms ours of the same number."""
    _confirm(
        patch, lambda counter, origin: origin.epoch < counter.epoch and origin.index == counter.next_index
    )


def _confirm(patch: MonkeyPatch, counts: Callable[[Counter, Origin], bool]) -> None:
    """Have writers believe more than their readers take."""

    def lax(reader: LogReader) -> None:
        takes = reader._takes

        def believe(delivered: Delivered) -> bool:
            taken, origin = takes(delivered), delivered.origin
            counter = reader._counters.get(origin.producer) if origin is not None else None
            if taken or origin is None or counter is None or not counts(counter, origin):
                return taken
            counter.next_index = origin.index + 1
            return True

        patch.setattr(reader, "_takes", believe)

    start, ingest_reader = StageCore.start, IngestService._claim

    async def started(self: StageCore, *arguments: Any) -> None:
        await start(self, *arguments)
        assert self._own is not None
        lax(self._own)

    async def claimed(self: IngestService, own: LogReader) -> int:
        epoch = await ingest_reader(self, own)
        lax(own)
        return epoch

    patch.setattr(StageCore, "start", started)
    patch.setattr(IngestService, "_claim", claimed)


def acknowledged_below_its_predecessor(patch: MonkeyPatch) -> None:
    """Stored 1, 2, 4, 5 and then 3: with it 4 and 5 count as confirmed, which every reader ignored."""
    start, read_back = StageCore.start, NumberedWriter.read_back
    counted_to: dict[NumberedWriter, int] = {}

    def remember(reader: LogReader, writers: Mapping[str, NumberedWriter]) -> None:
        takes, early = reader._takes, set[str]()

        def believe(delivered: Delivered) -> bool:
            origin = delivered.origin
            counter = reader._counters.get(origin.producer) if origin is not None else None
            taken = takes(delivered)
            if origin is None or counter is None or origin.epoch != counter.epoch:
                return taken
            if origin.index > counter.next_index:
                early.add(str(origin))
            while taken and str(Origin(origin.producer, counter.epoch, counter.next_index)) in early:
                counted_to[writers[origin.producer]] = counter.next_index
                counter.next_index += 1
            return taken

        patch.setattr(reader, "_takes", believe)

    async def started(self: StageCore, *arguments: Any) -> None:
        await start(self, *arguments)
        assert self._own is not None
        remember(self._own, self.writers)

    def confirm(self: NumberedWriter, delivered: Delivered) -> None:
        read_back(self, delivered)
        self.confirmed = max(self.confirmed, counted_to.pop(self, 0))
        while self._outbox and self._outbox[0].index <= self.confirmed:
            self._outbox.popleft()

    patch.setattr(StageCore, "start", started)
    patch.setattr(NumberedWriter, "read_back", confirm)


def sent_is_confirmed(patch: MonkeyPatch) -> None:
    """What was given to the connection counts as stored."""
    pump = NumberedWriter.pump

    def believe(self: NumberedWriter) -> None:
        pump(self)
        self.confirmed = max(self.confirmed, self._sent)

    patch.setattr(NumberedWriter, "pump", believe)


# --- What a reader takes -----------------------------------------------------------------------------


def rest_of_a_frame_lost(patch: MonkeyPatch) -> None:
    """A reader that stood within a frame goes on after it."""
    begin = OrderedConsumer.begin

    async def after_it(self: OrderedConsumer, sequence: int, digest: str, *, within: bool = False) -> None:
        await begin(self, sequence, digest)

    patch.setattr(OrderedConsumer, "begin", after_it)


def older_epoch_accepted(patch: MonkeyPatch) -> None:
    """A number counts whatever epoch it is of."""
    judge = Counter.judge
    patch.setattr(
        Counter,
        "judge",
        lambda self, sequence, origin: judge(
            self, sequence, Origin(origin.producer, self.epoch, origin.index)
        ),
    )


def any_claim_honoured(patch: MonkeyPatch) -> None:
    """A claim counts whichever epoch it names as the one that it succeeds."""
    claim = Counter.claim

    def honour(self: Counter, sequence: int, message: Any) -> bool:
        message.succeeds = self.epoch
        return claim(self, sequence, message)

    patch.setattr(Counter, "claim", honour)


def gap_accepted(patch: MonkeyPatch) -> None:
    """A number above the next one is taken."""

    def judge(self: Counter, _sequence: int, origin: Origin) -> Verdict:
        if origin.epoch != self.epoch or origin.index < self.next_index:
            return Verdict.IGNORE
        self.next_index = origin.index + 1
        return Verdict.TAKE

    patch.setattr(Counter, "judge", judge)


def repeat_accepted(patch: MonkeyPatch) -> None:
    """A number that was taken already is taken again."""
    judge = Counter.judge

    def lax(self: Counter, sequence: int, origin: Origin) -> Verdict:
        if origin.epoch == self.epoch and origin.index == self.next_index - 1:
            return Verdict.TAKE
        return judge(self, sequence, origin)

    patch.setattr(Counter, "judge", lax)


# --- What is delivered -------------------------------------------------------------------------------


def consumer_from_its_start(patch: MonkeyPatch) -> None:
    """A consumer is made again at the sequence where it began, not where it stood."""
    create = OrderedConsumer._create

    async def again(self: OrderedConsumer) -> None:
        if self._last[0] > self._start_sequence:
            self._last = (0, "")
        await create(self)

    patch.setattr(OrderedConsumer, "_create", again)


def consumer_too_late(patch: MonkeyPatch) -> None:
    """A consumer is made again after the next message, and does not compare."""
    create = OrderedConsumer._create

    async def again(self: OrderedConsumer) -> None:
        if self._last[0] > self._start_sequence:
            self._start_sequence, self._last = self._last[0] + 2, (0, "")
        await create(self)

    patch.setattr(OrderedConsumer, "_create", again)


def another_writers_outputs_read_back(patch: MonkeyPatch) -> None:
    """An overtaken writer takes the outputs of the one after it for its own."""

    def read_own(self: IngestService) -> None:
        own = self._own
        assert own is not None
        while (delivered := own.poll()) is not None:
            self._writer.read_back(delivered)
        if own.counter("ingest").epoch != self._writer.epoch:
            raise Superseded

    patch.setattr(IngestService, "_read_own", read_own)


# --- What a copy does --------------------------------------------------------------------------------


def standby_with_its_own_numbers(patch: MonkeyPatch) -> None:
    """A standby gives its outputs the next number that is free in the log."""
    put = NumberedWriter.put

    def numbered(self: NumberedWriter, message: Message, ts: int, cause: writer.Cause) -> Any:
        if self._hold_s:
            self.made = max(self.made, self.confirmed)
            self._found.clear()
        return put(self, message, ts, cause)

    patch.setattr(NumberedWriter, "put", numbered)


def wall_clock_in_a_stage(patch: MonkeyPatch) -> None:
    """What a stage puts out depends on when it runs."""
    process = ToyStage.process

    def hurried(self: ToyStage, message: Message) -> Sequence[Message]:
        self.digest += str(time.time_ns())
        return process(self, message)

    patch.setattr(ToyStage, "process", hurried)


def set_iterated_into_outputs(patch: MonkeyPatch) -> None:
    """What a stage puts out depends on the order of a set: another in every process."""
    process = ToyStage.process

    def jumbled(self: ToyStage, message: Message) -> Sequence[Message]:
        self.digest = "".join({self.digest, self.name, "a", "b", "c"})
        return process(self, message)

    patch.setattr(ToyStage, "process", jumbled)


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        numbers_not_restored, read_ahead_is_lost, snapshot_before_confirmation,
        no_going_back, confirmed_by_a_later_number, confirmed_by_an_older_epoch,
        acknowledged_below_its_predecessor, sent_is_confirmed,
        rest_of_a_frame_lost, older_epoch_accepted, any_claim_honoured, gap_accepted, repeat_accepted,
        consumer_from_its_start, consumer_too_late, another_writers_outputs_read_back,
        standby_with_its_own_numbers, wall_clock_in_a_stage,
    )
}  # fmt: skip
"""Those that one process shows."""
BETWEEN_PROCESSES: dict[str, Plant] = {set_iterated_into_outputs.__name__: set_iterated_into_outputs}
"""Those that show when two processes compare what their seeds came to."""
