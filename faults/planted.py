"""Faults planted in the services under test: a harness that cannot fail is worth nothing.

Each is put in when a process starts, by `faults.inside`, and never by the product. `reveal` names the acts
after which the harness must have found it. The faults that need a lost message in the middle of others, or a
late writer at an exact place, are planted in the simulation instead.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Plant:
    """One planted fault."""

    plant: Callable[[], None]
    reveal: tuple[str, ...] = ()
    """Names of acts in `faults.acts`, in this order."""
    live: bool = False
    """It takes the market at 1x to show."""


def numbers_not_restored() -> None:
    """The number of the next output is kept in memory and not restored."""
    from penstock_runtime.log.writer import NumberedWriter  # noqa: PLC0415

    begin = NumberedWriter.begin

    def forgetful(self: NumberedWriter, epoch: int, _made: int, confirmed: int) -> None:
        begin(self, epoch, 0, confirmed)

    NumberedWriter.begin = forgetful  # type: ignore[assignment,method-assign]


def no_go_back() -> None:
    """After a lost acknowledgement nothing is sent again."""
    from penstock_runtime.log import writer  # noqa: PLC0415

    async def no_question(self: writer.NumberedWriter) -> None:
        """The question why would send the first output again."""

    writer.GO_BACK_S = float("inf")
    writer.NumberedWriter.ask_why = no_question  # type: ignore[method-assign]


def read_ahead_lost() -> None:
    """A snapshot's cursor covers messages that were read and not handed to the stage."""
    from penstock_contracts.headers import origin_in  # noqa: PLC0415
    from penstock_runtime.log.cursor import Cursor, Place, digest_of  # noqa: PLC0415
    from penstock_runtime.log.reader import LogReader  # noqa: PLC0415

    cursor = LogReader.cursor

    def ahead(self: LogReader) -> Cursor:
        consumer: Any = self._consumer
        true, queue = cursor(self), consumer.queue if consumer is not None else ()
        if not queue:
            return true
        places = dict(true.places)
        for _, _, block, _ in queue:
            origin = origin_in(block)
            place = places.get(origin.producer) if origin is not None else None
            if origin is not None and place is not None and place.next_index == origin.index:
                places[origin.producer] = Place(place.epoch, origin.index + 1)
        return Cursor(queue[-1][0], digest_of(*queue[-1][1:]), places)

    LogReader.cursor = ahead  # type: ignore[method-assign]


def consumer_from_start() -> None:
    """A consumer is made again at the sequence where it began, not where it stood."""
    from penstock_runtime.log.consumer import OrderedConsumer  # noqa: PLC0415

    create = OrderedConsumer._create

    async def again(self: OrderedConsumer) -> None:
        self._last = (0, "")
        await create(self)

    OrderedConsumer._create = again  # type: ignore[method-assign]


def set_iterated() -> None:
    """What happened to several orders in an interval is told in the order of a set."""
    from penstock_execution.stage import ExecutionStage  # noqa: PLC0415

    end_interval = ExecutionStage.end_interval

    def unordered(self: ExecutionStage, end: Any) -> Any:
        outputs = end_interval(self, end)
        return [
            each
            for order in {each.order_id for each in outputs}
            for each in outputs
            if each.order_id == order
        ]

    ExecutionStage.end_interval = unordered  # type: ignore[method-assign]


def wall_clock() -> None:
    """A stage reads the clock of the machine."""
    from penstock_execution.stage import ExecutionStage  # noqa: PLC0415

    process = ExecutionStage.process

    def late(self: ExecutionStage, message: Any) -> Any:
        outputs = process(self, message)
        return [
            replace(each, ts_effect=each.ts_effect + time.time_ns() % 1000)
            if hasattr(each, "ts_effect")
            else each
            for each in outputs
        ]

    ExecutionStage.process = late  # type: ignore[method-assign]


def message_ids() -> None:
    """Outputs carry a `Nats-Msg-Id`: the server acknowledges a repeat without storing it."""
    from penstock_contracts.headers import Numbering, origin_in  # noqa: PLC0415

    plain = Numbering.block

    def identified(self: Numbering, index: int, ts: int, **options: Any) -> bytes:
        block = plain(self, index, ts, **options)
        return block[:-2] + f"Nats-Msg-Id: {origin_in(block)}\r\n\r\n".encode()

    Numbering.block = identified  # type: ignore[method-assign]


def other_code() -> None:
    """Not a fault: other code, as after an upgrade."""
    from penstock_runtime import service  # noqa: PLC0415

    service.code_hash = lambda: "0123456789abcdef"  # type: ignore[assignment,attr-defined]


POISONED_FROM, POISONED_EVERY, POISONS = 300, 50, 10
"""Number of the first output that may be unreadable, how far apart they are, and how many there are."""


def _poison(kinds: frozenset[str], *, among: bool) -> None:
    from penstock_runtime.log.writer import NumberedWriter  # noqa: PLC0415

    put = NumberedWriter.put
    struck: list[int] = []

    def poisoned(self: NumberedWriter, *arguments: Any) -> Any:
        output: Any = put(self, *arguments)
        due = output is not None and output.index >= (
            struck[-1] + POISONED_EVERY if struck else POISONED_FROM
        )
        due = due and len(struck) < POISONS
        if due and (output.subject.split(".")[3] in kinds) == among:
            output.payload = b"\xff\x00 not a message"
            struck.append(output.index)
        return output

    NumberedWriter.put = poisoned  # type: ignore[assignment,method-assign]


def poison() -> None:
    """Some outputs with content cannot be read."""
    _poison(frozenset({"done", "price"}), among=False)


def poison_done() -> None:
    """The ends of some intervals cannot be read."""
    _poison(frozenset({"done"}), among=True)


PLANTS: dict[str, Plant] = {
    "numbers_not_restored": Plant(numbers_not_restored, ("kill_strategy", "kill_execution")),
    "no_go_back": Plant(no_go_back, ("kill_nats", "kill_nats", "kill_nats")),
    "read_ahead_lost": Plant(read_ahead_lost, ("kill_strategy", "kill_risk", "kill_execution")),
    "consumer_from_start": Plant(
        consumer_from_start, ("halt_and_resume", "kill_nats", "kill_recorder"), live=True
    ),
    "set_iterated": Plant(set_iterated, ("kill_execution", "kill_execution")),
    "wall_clock": Plant(wall_clock, ("kill_execution",)),
    "message_ids": Plant(message_ids, ("kill_nats",)),
    "other_code": Plant(other_code),
    "poison": Plant(poison),
    "poison_done": Plant(poison_done),
}
"""By name, as PENSTOCK_FAULTS_PLANT says it. Those without acts are tools of rows 16 and 20."""
