"""The business events of a run, in an order that is the same however the run was made.

Producers write one log at the same time, so the order of their messages in it says nothing. Here they are
regrouped by the interval to which their `done` says that they belong; within an interval come the commands
of its mark, then what strategies said (`sig`), what risk decided (`ord`), what execution did (`ven`).
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from penstock_contracts.base import Family, Message, type_of
from penstock_contracts.codec import decode, encode
from penstock_contracts.control import Session
from penstock_contracts.errors import UnreadableMessage
from penstock_contracts.interval import Done

ORDER: tuple[Family, ...] = ("sig", "ord", "ven")


@dataclass(frozen=True, slots=True)
class Event:
    """One business event."""

    mark: int | None
    """End of the interval that it belongs to, ns; None outside intervals, or in one that never ended."""
    family: Family
    message: Message


class Journal:
    """Puts messages, each family in its own order, into the canonical order of all of them."""

    def __init__(self) -> None:
        self._open: dict[Family, list[Message]] = {family: [] for family in ORDER}
        self._closed: dict[Family, deque[tuple[Done, list[Message]]]] = {family: deque() for family in ORDER}

    def add(self, family: Family, message: Message) -> Iterator[Event]:
        """Take the next message of a family; gives the events of an interval once all families ended it."""
        if type(message) is not Done:
            self._open[family].append(message)
            return
        self._closed[family].append((message, self._open[family]))
        self._open[family] = []
        while all(self._closed.values()):
            yield from self._interval(min(self._closed[each][0][0].ts for each in ORDER))

    def rest(self) -> Iterator[Event]:
        """What is left when a run was cut off: intervals that not every stage ended."""
        while any(self._closed.values()):
            yield from self._interval(min(waiting[0][0].ts for waiting in self._closed.values() if waiting))
        for family in ORDER:
            for message in self._open[family]:
                yield Event(None, family, message)
            self._open[family] = []

    def _interval(self, mark: int) -> Iterator[Event]:
        groups: list[tuple[Family, Done, list[Message]]] = []
        for family in ORDER:
            waiting = self._closed[family]
            if waiting and waiting[0][0].ts == mark:
                groups.append((family, *waiting.popleft()))
        if groups:
            for command in groups[0][1].commands:
                yield Event(mark, "ctl", command)
        for family, _, messages in groups:
            for message in messages:
                yield Event(mark, family, message)


def whole_journal(
    genesis: Session, messages: Iterable[tuple[Family, Message]], end: Session | None
) -> Iterator[Event]:
    """All events of a session: its genesis, its intervals, its end."""
    yield Event(None, "ctl", genesis)
    journal = Journal()
    for family, message in messages:
        yield from journal.add(family, message)
    yield from journal.rest()
    if end is not None:
        yield Event(None, "ctl", end)


def to_line(event: Event) -> str:
    """An event as one line of `events.jsonl`."""
    entry = type_of(event.message, event.family)
    data = encode(event.message).decode()
    mark = "null" if event.mark is None else str(event.mark)
    return f'{{"mark":{mark},"type":"{event.family}.v{entry.major}.{entry.kind}","data":{data}}}'


def from_line(line: str) -> Event:
    """The event of a line. UnreadableMessage when it is not one."""
    try:
        entry: dict[str, Any] = json.loads(line)
        family, major, kind = entry["type"].split(".")
        mark, data = entry["mark"], json.dumps(entry["data"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableMessage(f"not an event: {line[:80]!r}") from error
    if family not in (*ORDER, "ctl") or not (mark is None or isinstance(mark, int)):
        raise UnreadableMessage(f"not an event: {line[:80]!r}")
    if not major.startswith("v") or not major[1:].isdigit():
        raise UnreadableMessage(f"not a version: {major!r}")
    return Event(mark, family, decode(family, kind, int(major[1:]), data.encode()))
