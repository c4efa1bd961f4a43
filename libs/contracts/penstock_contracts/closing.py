"""Marks and `done` as JSON, written by hand: every interval ends with five of them, and they say little.

The bytes are those of the general encoder. What is not plain (commands, a reason to stop, a field of another
type than declared) is left to it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from penstock_contracts.base import Message
from penstock_contracts.interval import Done
from penstock_contracts.market import Mark

_WORD = {True: "true", False: "false"}


def _done(message: Message) -> bytes | None:
    ts, start, due = message.ts, message.start, message.next_due
    ended, quiet, flat = message.ended, message.quiet, message.flat
    if message.commands != () or message.stop != "" or not _whole(ts, start, due):
        return None
    if type(ended) is not bool or type(quiet) is not bool or type(flat) is not bool:
        return None
    return (
        f'{{"ts":{ts},"start":{start},"ended":{_WORD[ended]},"commands":[],"next_due":{due},'
        f'"quiet":{_WORD[quiet]},"flat":{_WORD[flat]},"stop":""}}'
    ).encode()


def _mark(message: Message) -> bytes | None:
    ts, start, ended = message.ts, message.start, message.ended
    quarantined, events, positions = message.quarantined, message.events, message.positions
    if message.commands != () or type(ended) is not bool or type(positions) is not dict:
        return None
    if not _whole(ts, start, quarantined, events) or not _whole(*positions.values()):
        return None
    if any(type(feed) is not str for feed in positions):
        return None
    places = ",".join([f"{_quoted(feed)}:{position}" for feed, position in positions.items()])
    return (
        f'{{"ts":{ts},"start":{start},"ended":{_WORD[ended]},"positions":{{{places}}},"commands":[],'
        f'"quarantined":{quarantined},"events":{events}}}'
    ).encode()


def _whole(*numbers: Any) -> bool:
    for number in numbers:  # noqa: SIM110  (a generator costs as much as all the rest)
        if type(number) is not int:
            return False
    return True


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return to_json(text).decode()


BY_HAND: dict[type, Callable[[Any], bytes | None]] = {Done: _done, Mark: _mark}
"""Of a class of messages: its bytes, or None where they are left to the general encoder."""
